/** `hmx eval MODEL --tasks …`: benchmarks of a model, with an adapter or without, by the code that Evaluate runs. */
import { interval95, readAll, sha256, type Subset, task } from "@hmx/evals"
import { escape } from "@hmx/report"
import { dataService, ItemRecords, Lock, makeFolder } from "@hmx/runtime"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Data, Errors, LanguageModel, Records, Step } from "hmx"
import { existsSync, readFileSync, statSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import { adapterFolder } from "../adapterFolder.ts"
import type { Found } from "../data/places.ts"
import { type Engine, Models } from "../Models.ts"
import { asTyped, namedModel } from "../namedModel.ts"
import { locateFrom, shown } from "../paths.ts"
import { type Chosen, chooseTasks } from "./chooseTasks.ts"
import * as EvalFolder from "./EvalFolder.ts"
import { evalScreen } from "./EvalScreen.ts"
import { type Layout, writeExport } from "./exports.ts"
import { type HeldOutTasks, heldOutTasks } from "./heldOutTasks.ts"
import { loadEvaluation } from "./loadEvaluation.ts"
import { oneTemplate } from "./oneTemplate.ts"
import { quote, quotePath } from "../shell.ts"
import { table } from "./table.ts"

export interface Options extends Engine, Subset {
  readonly model: string
  readonly tasks: string
  readonly adapter?: string | undefined
  readonly data?: string | undefined
  readonly out?: string | undefined
  readonly seed?: number | undefined
  readonly prompt?: "text" | "chat" | undefined
  readonly zeroShot: boolean
  readonly prompts?: string | undefined
  readonly rubric?: string | undefined
  readonly answerTokens: number
  readonly json: boolean
  readonly export?: Layout | undefined
}

/** The adapter's name within the model. */
const adapterName = "evaluated"

export const evaluate = Effect.fnUntraced(function* (options: Options) {
  const { limit, sample } = options
  if (limit !== undefined && sample !== undefined)
    return yield* new Errors.BadInput({
      where: `--sample ${sample}`,
      found: `--limit ${limit} beside it`,
      expected: "one of the two",
    })
  const own = yield* heldOutTasks(options)
  const { chosen, skipped } = yield* chooseTasks(own.words, options.data)
  for (const { reason, task: name } of skipped)
    process.stderr.write(`skipped: ${escape(name, 60)}: ${escape(reason)}\n`)
  const asked = options.zeroShot ? chosen.map((one) => ({ ...one, shots: undefined })) : chosen
  const data = yield* dataService({ train: [], heldOut: own.questions }, locateFrom(join(process.cwd(), "eval")))
  // All files are read before a weight is: what is wrong with one of them is said at once.
  yield* Effect.forEach(asked, (one) => readable(one, data))
  const adapter = options.adapter === undefined ? undefined : yield* adapterFolder(options.adapter)
  const finding = (yield* Models).find(namedModel(options.model), locateFrom(process.cwd()), options)
  const model = yield* Effect.mapError(finding, asTyped(options.model))
  yield* Effect.scoped(
    Effect.provide(
      work(options, { adapter, chosen: asked, name: model.name, own, skipped }).pipe(Effect.provideService(Data, data)),
      model.layer,
    ),
  )
  return undefined
})

const readable = Effect.fnUntraced(function* ({ benchmark, data, shots }: Chosen, from: (typeof Data)["Service"]) {
  const file = (found: Found) => Effect.map(from.text(found.path), (text) => ({ name: shown(found.path), text }))
  const files = yield* Effect.forEach(data, file)
  yield* Effect.fromResult(readAll(benchmark, files, shots === undefined ? undefined : yield* file(shots)))
})

interface Given {
  readonly adapter: string | undefined
  readonly chosen: ReadonlyArray<Chosen>
  readonly name: string
  readonly own: HeldOutTasks
  readonly skipped: EvalFolder.Identity["skipped"]
}

const described = ({ bytes, path }: Pick<Found, "bytes" | "path">) => ({
  name: basename(path),
  bytes,
  sha256: sha256(readFileSync(path)),
})

const work = Effect.fnUntraced(function* (options: Options, { adapter, chosen, name, own, skipped }: Given) {
  const lm = yield* LanguageModel
  const digest = adapter === undefined ? "" : yield* lm.loadState(adapterName, adapter, { optimizer: false })
  const seed = options.seed ?? 0
  const { limit = null, sample = null } = options
  const identity: EvalFolder.Identity = {
    format: 1,
    model: { name, digest: lm.info.digest },
    adapter: adapter === undefined ? null : { path: shown(adapter), digest },
    engine: lm.info.engine,
    seed,
    limit,
    sample,
    tasks: [
      ...own.tasks.map(({ digest: asks, task: { name: of, version } }) => ({
        task: of,
        version,
        prompt: "chat" as const,
        data: own.file === undefined ? [] : [described({ path: own.file, bytes: statSync(own.file).size })],
        shots: null,
        asks,
      })),
      ...chosen.map(({ benchmark, data, shots }) => ({
        task: benchmark.name,
        version: benchmark.version,
        prompt: options.prompt ?? benchmark.prompt,
        data: data.map(described),
        shots: shots === undefined ? null : described(shots),
      })),
    ],
    skipped,
  }
  const folder = yield* begin(options, identity)
  const started = yield* Clock.currentTimeMillis
  const clock = yield* Clock.Clock
  const screen = evalScreen(options.json, () => clock.currentTimeMillisUnsafe())
  const kept = yield* ItemRecords.inFolder(EvalFolder.records(folder))
  const records: (typeof Records)["Service"] = {
    begin: (of, items) =>
      Effect.tap(kept.begin(of, items), (found) => Effect.sync(() => screen.begin(of, items, found.length))),
    keep: (of, done) => Effect.tap(kept.keep(of, done), () => Effect.sync(() => screen.add(of, done.length))),
    end: kept.end,
  }
  const by = adapter === undefined ? ("base" as const) : { adapter: adapterName }
  const policy = { base: lm.info.digest, adapter: digest, step: 0 }
  const stopped = () => {
    screen.clear()
    process.stderr.write(
      `\nstopped; what is done is kept: go on with the same command and --out ${quotePath(folder)}\n`,
    )
  }
  const found = yield* Effect.gen(function* () {
    const ofOwn = yield* Effect.forEach(own.tasks, ({ task: { name: of, run } }) =>
      Effect.map(run, ({ measures }) => ({ task: of, measures, items: own.questions.length, tooLong: 0, said: [] })),
    )
    const ofBenchmarks = yield* Effect.forEach(chosen, ({ benchmark, data, shots }) =>
      Effect.map(
        task(benchmark, {
          file: data.map(({ path }) => path),
          ...(shots === undefined ? {} : { shots: shots.path }),
          limit: options.limit,
          sample: options.sample,
          ...(options.prompt === undefined ? {} : { prompt: options.prompt }),
        }).run,
        ({ measures, records: answered, tooLong }) => ({
          task: benchmark.name,
          measures,
          items: answered.length + tooLong.length,
          tooLong: tooLong.length,
          said: oneTemplate(benchmark.name, answered),
        }),
      ),
    )
    return [...ofOwn, ...ofBenchmarks]
  }).pipe(
    Effect.provideService(Records, records),
    Effect.provideService(Step, { seed, step: 0, steps: 0, policy, by, adapter: adapterName }),
    Effect.onInterrupt(() => Effect.sync(stopped)),
  )
  screen.clear()
  const results: EvalFolder.Results = {
    ...identity,
    started,
    seconds: ((yield* Clock.currentTimeMillis) - started) / 1000,
    items: found.map(({ items, task: of, tooLong }) => ({ task: of, items, tooLong })),
    measures: found.flatMap(({ measures }) =>
      measures.filter(({ n }) => n > 0).map((measure) => ({ ...measure, ...interval95(measure) })),
    ),
  }
  yield* EvalFolder.writeResults(folder, results)
  process.stdout.write(
    options.json
      ? `${JSON.stringify(results)}\n`
      : ending(
          folder,
          results,
          found.flatMap(({ said }) => said),
        ),
  )
  if (options.export === undefined) return
  const paths = yield* writeExport(folder, yield* loadEvaluation(folder, undefined), options.export)
  if (!options.json) process.stdout.write(paths.map((path) => `written: ${escape(path)}\n`).join(""))
})

/** The folder, held by this process: a new one, or that of the same evaluation, which is gone on with. */
const begin = Effect.fnUntraced(function* ({ model, out }: Options, identity: EvalFolder.Identity) {
  const before = out === undefined ? undefined : yield* EvalFolder.readIdentity(resolve(out))
  if (out !== undefined && before !== undefined) {
    const other = EvalFolder.difference(before, identity)
    if (other !== undefined) {
      const expected = "the evaluation that it began with, or another folder"
      return yield* new Errors.BadInput({ where: `--out ${shown(resolve(out))}`, found: `other: ${other}`, expected })
    }
    yield* Lock.hold(resolve(out))
    return shown(resolve(out))
  }
  const base = `evals/${basename(model).replaceAll(/[^\w.-]+/g, "-")}`
  const folder = yield* makeFolder(out === undefined ? { base } : { path: shown(resolve(out)) })
  yield* Lock.hold(folder)
  if (!existsSync(join(folder, "eval.json"))) yield* EvalFolder.writeIdentity(folder, identity)
  return folder
})

/** Their names could be taken for more than they are. */
const miniatures =
  "miniature_…: small benchmarks of HMX's own in the vocabulary of nano; not comparable with those whose form they have"

const ending = (folder: string, results: EvalFolder.Results, said: ReadonlyArray<string>): string => {
  const long = results.items.filter(({ tooLong }) => tooLong > 0)
  const { adapter, engine, model, tasks } = results
  const one = tasks.find(({ asks }) => asks === undefined) ?? tasks[0]
  const of = adapter === null ? "" : ` with ${adapter.path}`
  return [
    `${escape(model.name, 100)} (${model.digest})${escape(of, 200)} on ${escape(engine.name, 30)} ${escape(engine.device, 30)}`,
    "",
    table(results.measures),
    ...long.map((one) => `${one.task}: ${one.tooLong} of ${one.items} items are longer than the context, and left out`),
    ...said,
    ...(tasks.some(({ task: of }) => of.startsWith("miniature_")) ? [miniatures] : []),
    "",
    // Answers to prompts of the user's own are neither right nor wrong.
    `records: npx hmx eval show ${quotePath(folder)} --task ${quote(one?.task ?? "")}${one?.asks === undefined ? " --wrong" : ""}`,
    "",
  ].join("\n")
}
