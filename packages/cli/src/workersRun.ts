/** `hmx run FILE --workers URL` and `hmx resume RUN --workers URL`: gives arms to workers, and follows them in their folders. */
import { escape } from "@hmx/report"
import { ArmsFolder, type Event, lookAtArms } from "@hmx/runtime"
import { parse, type Standing, submit, type SubmitOptions } from "@hmx/workers"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Plan } from "hmx"
import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { resolve } from "node:path"
import { armsEnd } from "./armsEnd.ts"
import { armsScreen } from "./ArmsScreen.ts"
import { engineAsked } from "./engineSettings.ts"
import { Ended, overBudget, stoppedEarly } from "./exit.ts"
import type { Engine } from "./Models.ts"
import { Models } from "./Models.ts"
import { shown } from "./paths.ts"
import { goOnWith, quote, quotePath } from "./shell.ts"
import { told } from "./train.ts"

/** Milliseconds after which somebody who waits for a worker is told how to start one. */
const patience = 10_000
/** Milliseconds between two looks. */
const poll = 500

export interface Given {
  /** Absolute path of the pipeline's file. */
  readonly file: string
  readonly plan: Plan
  readonly locate: SubmitOptions["locate"]
  readonly where: SubmitOptions["where"]
  readonly source: () => unknown
  readonly keep?: number | undefined
  /** What an arm may use in all, where that is another than at the run's start. */
  readonly budget?: { readonly maxTime?: string | undefined; readonly maxTokens?: number | undefined }
  readonly engine: Engine
}

export interface Mode {
  readonly workers: string
  readonly detach: boolean
  readonly quiet: boolean
  readonly json: boolean
}

const say = (text: string) => void process.stderr.write(`${escape(text, 1000)}\n`)
const nothing = () => {}

export const workersRun = Effect.fnUntraced(function* (given: Given, mode: Mode) {
  const { engine, file, keep, locate, plan, source, where } = given
  const { maxTime, maxTokens } = given.budget ?? {}
  const address = yield* parse(mode.workers, "--workers")
  const [first] = plan.entries
  if (first === undefined) throw new Error("a plan has at least one arm")
  const model = yield* (yield* Models).find(first.experiment.settings.model, locate, engine)
  const names = plan.entries.map(({ name }) => name)
  const view = armsScreen(names, mode)
  let folder = ""
  let follow = nothing
  const notes = new Map<string, string>()
  const began = performance.now()
  let alone = false
  const look = (arms: ReadonlyArray<Standing>) => {
    follow()
    for (const { arm, note, state } of arms) {
      if (state === "done" || note === "" || notes.get(arm) === note) continue
      notes.set(arm, note)
      say(`${arm}: ${note}`)
    }
    const nobody = arms.every(({ state, worker }) => state === "open" && worker === undefined)
    if (nobody && !alone && performance.now() - began > patience) {
      alone = true
      say(`no worker has taken an arm yet: npx hmx worker --store ${quote(address.shown)}`)
    }
  }
  const goOn = () => `follow with: npx hmx resume ${quotePath(folder)} --workers ${quote(address.shown)}`
  yield* submit(plan, {
    address,
    poll,
    where,
    model,
    locate,
    source,
    engine: engineAsked(engine),
    keep,
    budget: { ...(maxTime === undefined ? {} : { maxTime }), ...(maxTokens === undefined ? {} : { maxTokens }) },
    given: (made) => {
      folder = made
      follow = follower(folder, names, view.show)
      if (!mode.quiet && !mode.json)
        view.print(`given to the workers of ${escape(address.shown)}: ${escape(shown(resolve(made)))}`)
    },
    ...(mode.detach ? {} : { look }),
    say,
  }).pipe(
    Effect.mapError((error) => told(error, { file, experiment: first.experiment })),
    Effect.onInterrupt(() =>
      Effect.sync(
        () =>
          void process.stderr.write(
            folder === "" ? "\nstopped; nothing was given\n" : `\nthe workers go on; ${goOn()}\n`,
          ),
      ),
    ),
  )
  if (mode.detach) {
    view.print(mode.json ? JSON.stringify({ _tag: "Given", folder }) : goOn())
    return
  }
  follow()
  const comparison = yield* lookAtArms(folder)
  yield* ArmsFolder.writeComparison(folder, comparison)
  view.print(yield* armsEnd({ comparison, folder }, mode))
  const states = new Set(comparison.arms.map(({ state }) => state))
  for (const { because, name, state } of comparison.arms)
    if (state !== "finished" && state !== "stopped early")
      process.stderr.write(
        `${escape(name, 60)}: ${state}${because === undefined ? "" : `: ${escape(because, 1000)}`}\n`,
      )
  const [early, used] = [states.delete("stopped early"), states.delete("over budget")]
  states.delete("finished")
  const code = states.size > 0 ? 1 : used ? overBudget : early ? stoppedEarly : 0
  if (code === 1 || used) process.stderr.write(`${goOnWith(folder)} --workers ${quote(address.shown)}\n`)
  if (code !== 0) yield* new Ended({ code })
})

/** What this process takes of a journal at once, in bytes. */
const mouthful = 1 << 20

const Tagged = Schema.fromJsonString(Schema.Struct({ _tag: Schema.String }))
const isTagged = Schema.decodeUnknownOption(Tagged)

/** Reads on in the journals of the arms, and shows what they say. */
const follower = (folder: string, names: ReadonlyArray<string>, show: (arm: string, event: Event) => void) => {
  const journals = names.map((name, i) => ({
    name,
    path: `${ArmsFolder.armFolder(folder, names, i)}/events.jsonl`,
    at: 0,
    rest: "",
  }))
  return () => {
    for (const journal of journals) {
      const text = readOn(journal.path, journal.at)
      journal.at += text.length
      const lines = (journal.rest + text.toString("utf8")).split("\n")
      journal.rest = lines.pop() ?? ""
      for (const line of lines) {
        if (isTagged(line)._tag === "None") continue
        // A journal is written by the runtime, from values of this type; what is shown of it is escaped.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
        show(journal.name, JSON.parse(line) as Event)
      }
    }
  }
}

const none = Buffer.alloc(0)
const readOn = (path: string, at: number): Buffer => {
  let file: number
  try {
    file = openSync(path, "r")
  } catch {
    return none
  }
  try {
    const size = Math.min(mouthful, fstatSync(file).size - at)
    if (size <= 0) return none
    const buffer = Buffer.alloc(size)
    return buffer.subarray(0, readSync(file, buffer, 0, size, at))
  } finally {
    closeSync(file)
  }
}
