/**
 * A run's folder (DESIGN §8), readable by eye: experiment.json, events.jsonl, metrics.jsonl, evaluations/step-N.json with the records
 * of their items in evaluations/step-N/, checkpoints/step-N/, report.json. What is written whole is renamed into its place; the journals only grow.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { Artefact, Errors } from "hmx"
import { Cursor } from "./Cursor.ts"
import * as Journal from "./Journal.ts"
import * as Lock from "./Lock.ts"
import { failing, makeFolders, writeFile, writeFolder } from "./Storage.ts"
import * as Used from "./store/Used.ts"

/** Version of the folder's layout. */
export const format = 1

/** What a run is, as experiment.json has it. */
export const Record = Schema.Struct({
  format: Schema.Literal(format),
  name: Schema.String,
  /** sha-256 of `experiment`, 16 hex digits. */
  digest: Schema.String,
  /** The experiment's canonical identity: names, versions and options. */
  experiment: Schema.Unknown,
  /** sha-256 of the text of its code by name and version: the same version with another text is refused. */
  tripwires: Schema.Record(Schema.String, Schema.String),
  seed: Schema.Int,
  steps: Schema.Int,
  /** Checkpoints to keep, the last ones; null: all. */
  keep: Schema.NullOr(Schema.Int),
  model: Schema.Struct({ name: Schema.String, digest: Schema.String }),
  engine: Schema.Struct({
    name: Schema.String,
    version: Schema.String,
    device: Schema.String,
    dtype: Schema.String,
  }),
  versions: Schema.Record(Schema.String, Schema.String),
  /** Where a changed experiment went on (`hmx resume --force`): after which step, the digest before, and what changed. */
  lineage: Schema.optionalKey(
    Schema.Array(Schema.Struct({ after: Schema.Int, digest: Schema.String, changed: Schema.Array(Schema.String) })),
  ),
  /** How the command line found the experiment, so that it finds it again; the runtime does not read it. */
  source: Schema.Unknown,
})
export type Record = typeof Record.Type

/** What an experiment measured, as report.json has it. */
export const Result = Schema.Struct({
  name: Schema.String,
  digest: Schema.String,
  seed: Schema.Int,
  /** That were done. */
  steps: Schema.Int,
  /** Why there were no more, where a condition ended the run. */
  stopped: Schema.optionalKey(Schema.String),
  model: Schema.Struct({ name: Schema.String, digest: Schema.String }),
  /** Folder of the last adapter, from the run's folder, and its digest. */
  adapter: Schema.Struct({ path: Schema.String, digest: Schema.String }),
  /** One entry a time of evaluation, in order; `step` 0 is before the first update. */
  evaluations: Schema.Array(Schema.Struct({ step: Schema.Int, reports: Schema.Array(Artefact.Report) })),
})
export type Result = typeof Result.Type

const text = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
const Reports = Schema.Array(Artefact.Report)

/** Reads a JSON file of a run; what does not have its shape is BadInput. */
export const readJson = Effect.fnUntraced(function* <A, I>(path: string, schema: Schema.Codec<A, I>) {
  const fs = yield* FileSystem.FileSystem
  const content = yield* failing("read", path)(fs.readFileString(path))
  return yield* Effect.mapError(
    Schema.decodeUnknownEffect(Schema.fromJsonString(schema))(content),
    (error) =>
      new Errors.BadInput({
        where: path,
        found: error.message.slice(0, 300).replaceAll(/\s+/g, " "),
        expected: `a file of a run as this version of hmx writes it (format ${format})`,
      }),
  )
})

export const writeRecord = (run: string, record: Record) => writeFile(`${run}/experiment.json`, text(record))
export const readRecord = (run: string) => readJson(`${run}/experiment.json`, Record)
export const writeResult = (run: string, result: Result) =>
  writeFile(`${run}/report.json`, text(Schema.encodeSync(Result)(result)))
export const readResult = (run: string) => readJson(`${run}/report.json`, Result)

// --- the folder itself --------------------------------------------------------------------------------------------------

/** The process that works on a run, or on one of the arms in its folder; undefined where there is none, or this one. */
export const inWork = Effect.fnUntraced(function* (run: string) {
  const holders = yield* Effect.forEach(yield* locked(run), (folder) =>
    Effect.orElseSucceed(Lock.holder(`${folder}/lock`), () => undefined),
  )
  return holders.find((pid) => pid !== undefined)
})

/** The folders of a run that have a lock each: its own, and those of its arms. */
const locked = (run: string) =>
  Effect.map(names(`${run}/arms`), (arms) => [run, ...arms.map((name) => `${run}/arms/${name}`)])

/** Takes away the locks of processes that died when all of the run was done. */
export const clearLocks = Effect.fnUntraced(function* (run: string) {
  yield* Effect.forEach(yield* locked(run), Lock.clear)
})

/** Deletes a run's folder. */
export const remove = Effect.fnUntraced(function* (run: string) {
  const fs = yield* FileSystem.FileSystem
  yield* failing("remove", run)(fs.remove(run, { recursive: true }))
})

const isMetrics = Schema.is(Schema.Record(Schema.String, Schema.Number))

/** The metrics of each step that is done. */
export const readMetrics = (run: string) =>
  Effect.map(Journal.lines(`${run}/metrics.jsonl`), (lines) => lines.filter(isMetrics))

// --- evaluations ------------------------------------------------------------------------------------------------------

export const writeEvaluation = Effect.fnUntraced(function* (
  run: string,
  step: number,
  reports: ReadonlyArray<Artefact.Report>,
) {
  const folder = `${run}/evaluations`
  yield* failing("make", folder)(makeFolders(folder))
  yield* writeFile(`${folder}/step-${step}.json`, text(Schema.encodeSync(Reports)(reports)))
})

/** Where the records of the items of an evaluation are; `place` is the 0-based place of its Evaluate among the stages that are due. */
export const itemRecords = (run: string, step: number, place = 0): string =>
  `${run}/evaluations/step-${step}${place === 0 ? "" : `.${place + 1}`}`

/** The folders of records that there are of a step's evaluations, in the order of these. */
export const recordFolders = (run: string, step: number) =>
  Effect.map(numbered(`${run}/evaluations`, new RegExp(`^step-${step}\\.(\\d+)$`)), (later) => [
    itemRecords(run, step),
    ...later.map((place) => itemRecords(run, step, place - 1)),
  ])

/** The steps of which there are records of items, in order. */
export const recordedSteps = (run: string) => numbered(`${run}/evaluations`, /^step-(\d+)$/)

/** All evaluations of a run by their step, in order. */
export const readEvaluations = Effect.fnUntraced(function* (run: string) {
  const steps = yield* numbered(`${run}/evaluations`, /^step-(\d+)\.json$/)
  return yield* Effect.forEach(steps, (step) =>
    Effect.map(readJson(`${run}/evaluations/step-${step}.json`, Reports), (reports) => ({ step, reports })),
  )
})

// --- checkpoints ------------------------------------------------------------------------------------------------------

export const checkpoint = (run: string, step: number): string => `${run}/checkpoints/step-${step}`

/**
 * Writes a checkpoint: what `fill` puts into its folder, and the cursor. It is there, and its path known, when what is returned is done:
 * `first` comes before it, and then older ones beyond `keep` go.
 */
export const save = Effect.fnUntraced(function* <E, R>(
  run: string,
  cursor: Cursor,
  keep: number | null,
  fill: (folder: string) => Effect.Effect<void, E, R>,
  first: Effect.Effect<void, Errors.StorageFailed> = Effect.void,
) {
  const fs = yield* FileSystem.FileSystem
  const path = checkpoint(run, cursor.step)
  const named = yield* writeFolder(path, fill, (folder) =>
    Effect.andThen(first, failing("write", folder)(fs.writeFileString(`${folder}/cursor.json`, text(cursor)))),
  )
  return Effect.gen(function* () {
    yield* named
    if (keep === null) return path
    const steps = yield* checkpoints(run)
    yield* Effect.forEach(steps.slice(0, -keep), (step) => {
      const old = checkpoint(run, step)
      return failing("remove", old)(fs.remove(old, { recursive: true }))
    })
    return path
  })
})

/** The steps of which a run has kept the checkpoint, in order. */
export const checkpoints = (run: string) => numbered(`${run}/checkpoints`, /^step-(\d+)$/)

export const readCursor = (run: string, step: number) => readJson(`${checkpoint(run, step)}/cursor.json`, Cursor)

/** The cursor of the last checkpoint; undefined where there is none. */
export const lastCursor = Effect.fnUntraced(function* (run: string) {
  const step = (yield* checkpoints(run)).at(-1)
  return step === undefined ? undefined : yield* readCursor(run, step)
})

/** Takes back what was written after `step` was saved: metrics and evaluations of later steps, and half-written folders. */
export const rewind = Effect.fnUntraced(function* (run: string, step: number) {
  const fs = yield* FileSystem.FileSystem
  const metrics = yield* Journal.lines(`${run}/metrics.jsonl`)
  const kept = metrics.slice(0, step).map((line) => `${JSON.stringify(line)}\n`)
  yield* writeFile(`${run}/metrics.jsonl`, kept.join(""))
  yield* Journal.mend(`${run}/events.jsonl`)
  yield* Used.mend(run)
  const later = (yield* names(`${run}/evaluations`)).filter(
    (name) => Number(/^step-(\d+)(?:\.json|\.\d+)?$/.exec(name)?.[1] ?? 0) > step,
  )
  const torn = yield* Effect.forEach([".", "checkpoints", "evaluations"], (folder) =>
    Effect.map(names(`${run}/${folder}`), (all) =>
      all.filter((n) => /\.tmp-\d+(-\d+)?$/.test(n)).map((n) => `${folder}/${n}`),
    ),
  )
  yield* Effect.forEach([...later.map((name) => `evaluations/${name}`), ...torn.flat()], (name) =>
    failing("remove", `${run}/${name}`)(fs.remove(`${run}/${name}`, { recursive: true })),
  )
})

/** Names in a folder; none where there is no folder. */
const names = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.readDirectory(folder).pipe(
    Effect.catchIf(
      (e) => e.reason._tag === "NotFound",
      () => Effect.succeed<Array<string>>([]),
    ),
    failing("read", folder),
  )
})

/** The numbers in the names of that form, in order. */
const numbered = (folder: string, form: RegExp) =>
  Effect.map(names(folder), (all) =>
    all
      .flatMap((name) => form.exec(name)?.[1] ?? [])
      .map(Number)
      .toSorted((a, b) => a - b),
  )
