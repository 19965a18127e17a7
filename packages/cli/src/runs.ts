/** `hmx runs ls` and `hmx runs show RUN`. */
import { escape, Table } from "@hmx/report"
import { ArmsFolder, lookAtArms, RunFolder, runState } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { resolve } from "node:path"
import { armsShown } from "./armsEnd.ts"
import { otherQuestions } from "./eval/otherQuestions.ts"
import { shown } from "./paths.ts"
import { goOnWith } from "./shell.ts"
import { ending } from "./train.ts"

/** What is known of a run without reading more than a few small files. */
const look = Effect.fnUntraced(function* (folder: string) {
  const record = yield* RunFolder.readRecord(folder)
  const cursor = yield* RunFolder.lastCursor(folder)
  return { record, step: cursor?.step ?? 0, standing: yield* runState(folder) }
})

const columns = ["run", "experiment", "seed", "steps", "state"].map((title): Table.Column => ({ title, align: "left" }))

/** One line for a run; for arms one for all of them: as many of each state as there are. */
const rowOf = (folder: string) =>
  Effect.gen(function* () {
    const name = escape(folder, 60)
    if (!(yield* ArmsFolder.is(folder))) {
      const { record, standing, step } = yield* look(folder)
      return [name, escape(record.name, 30), String(record.seed), `${step}/${record.steps}`, standing.state]
    }
    const { arms, name: plan } = yield* lookAtArms(folder)
    const states = [...new Set(arms.map(({ state }) => state))]
    const count = states.map((state) => `${arms.filter((arm) => arm.state === state).length} ${state}`)
    const seeds = new Set(arms.flatMap(({ at }) => ("seed" in at ? [String(at["seed"])] : [])))
    const [done, all] = [arms.reduce((n, { step }) => n + step, 0), arms.reduce((n, { steps }) => n + steps, 0)]
    return [
      name,
      escape(plan, 30),
      seeds.size === 0 ? "" : `${seeds.size} of them`,
      `${done}/${all}`,
      `arms: ${count.join(", ")}`,
    ]
  }).pipe(Effect.catch((error) => Effect.succeed([escape(folder, 60), "–", "–", "–", escape(error._tag, 30)])))

export const ls = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const names = yield* Effect.orElseSucceed(fs.readDirectory("runs"), () => [])
  const runs = names
    .filter((name) => !name.startsWith("."))
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
  const rows = yield* Effect.forEach(runs, (name) => rowOf(`runs/${name}`))
  process.stdout.write(rows.length === 0 ? "no runs under runs/\n" : `${Table.render(columns, rows)}\n`)
})

export const show = Effect.fnUntraced(function* (options: { readonly run: string }) {
  const folder = shown(resolve(options.run))
  yield* ArmsFolder.notLost(folder)
  if (yield* ArmsFolder.is(folder)) {
    process.stdout.write(`${yield* armsShown(folder)}\n`)
    return
  }
  const { record, standing, step } = yield* look(folder)
  const head = [
    `${escape(record.name)}, seed ${record.seed}, digest ${record.digest}`,
    `${escape(record.model.name)} (${record.model.digest}) on ${escape(record.engine.name)} ${escape(record.engine.device)}`,
  ]
  const { because, state } = standing
  if (state !== "finished" && state !== "stopped early") {
    const why = because === undefined || because === state ? "" : `: ${escape(because, 600)}`
    const rest = [`${step} of ${record.steps} steps, ${state}${why}`, goOnWith(folder)]
    process.stdout.write(`${[...head, ...rest].join("\n")}\n`)
    return
  }
  const result = { ...(yield* RunFolder.readResult(folder)), folder }
  const text = ending({ ...result, unlike: yield* otherQuestions(result) })
  process.stdout.write(`${head.join("\n")}\n\n${text}`)
})
