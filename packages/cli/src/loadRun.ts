/** The experiment of a run's folder, as `hmx run` began it. */
import * as Runtime from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Errors } from "hmx"
import { resolve } from "node:path"
import { loadFile, loadPipeline } from "./loadPipeline.ts"
import { oneRun } from "./oneRun.ts"
import { locateFrom, shown } from "./paths.ts"
import { Changes, changed, changedPlan } from "./settings.ts"
import { storeFolder } from "./storeFolder.ts"

/** How `run` says where it found the experiment. */
const Source = Schema.Struct({
  file: Schema.String,
  /** Of a contrast or a sweep. */
  arm: Schema.optional(Schema.String),
  /** From the run's folder; null: none. */
  store: Schema.optional(Schema.NullOr(Schema.String)),
  changes: Changes,
  engine: Schema.Struct({
    engine: Schema.Literals(["tfjs", "torch", "tensorflow", "auto"]),
    backend: Schema.optional(Schema.Literals(["wasm", "cpu"])),
    compute: Schema.optional(Schema.Literals(["f32", "stored"])),
    device: Schema.optional(
      Schema.Union([Schema.Literals(["cpu", "cuda"]), Schema.TemplateLiteral(["cuda:", Schema.Number])]),
    ),
    threads: Schema.optional(Schema.Int),
    engineMemory: Schema.optional(Schema.Finite),
  }),
})

/** Records of before named tfjs's backend beside every engine. */
const withItsBackend = (source: typeof Source.Type): typeof Source.Type =>
  source.engine.engine === "tfjs" ? source : { ...source, engine: { ...source.engine, backend: undefined } }

const sourceOf = (source: unknown, where: string) =>
  Effect.mapError(
    Effect.map(Schema.decodeUnknownEffect(Source)(source), withItsBackend),
    () =>
      new Errors.BadInput({ where, found: "no word of a pipeline's file", expected: "a run that `npx hmx run` began" }),
  )

/** A greater budget than the one that the run began with, another store, and more memory, which changes no result. */
export type More = Pick<Changes, "maxTime" | "maxTokens"> & {
  readonly store?: string | undefined
  readonly engineMemory?: number | undefined
}

/** The store that is named now, else the one with which the run began. */
const storeOf = (source: typeof Source.Type, folder: string, named: string | undefined): string | undefined => {
  if (named !== undefined || source.store === undefined) return storeFolder(named)
  return source.store === null ? undefined : shown(resolve(folder, source.store))
}

const under = (changes: Changes, { maxTime, maxTokens }: More): Changes => ({
  ...changes,
  ...(maxTime === undefined ? {} : { maxTime }),
  ...(maxTokens === undefined ? {} : { maxTokens }),
})

const withMemory = (source: typeof Source.Type, { engineMemory }: More): typeof Source.Type =>
  engineMemory === undefined ? source : { ...source, engine: { ...source.engine, engineMemory } }

/** The arms of a folder's contrast or sweep, as `hmx run` began it. */
export const loadArms = Effect.fnUntraced(function* (run: string, more: More) {
  const folder = shown(resolve(run))
  const record = yield* Runtime.ArmsFolder.readRecord(folder)
  const source = withMemory(yield* sourceOf(record.source, `${folder}/arms.json`), more)
  const { file, of } = yield* loadFile(resolve(folder, source.file))
  if (of.kind === "experiment") {
    const expected = `the ${record.kind} with which the run began`
    return yield* new Errors.BadInput({ where: shown(file), found: "a single experiment", expected })
  }
  const plan = yield* changedPlan(of, under(source.changes, more))
  return { folder, file, plan, source, store: storeOf(source, folder, more.store), locate: locateFrom(file) }
})

export const loadRun = Effect.fnUntraced(function* (run: string, more: More = {}) {
  yield* oneRun(run)
  const folder = shown(resolve(run))
  const record = yield* Runtime.RunFolder.readRecord(folder)
  const source = withMemory(yield* sourceOf(record.source, `${folder}/experiment.json`), more)
  const loaded = yield* loadPipeline(resolve(folder, source.file), source.arm)
  const pipeline = { ...loaded, experiment: yield* changed(loaded.experiment, under(source.changes, more)) }
  const store = storeOf(source, folder, more.store)
  return { folder, pipeline, engine: source.engine, store, locate: locateFrom(pipeline.file) }
})

/** The folder of a run's adapter: of its last checkpoint, or of that after so many steps. */
export const adapterOf = Effect.fnUntraced(function* (run: string, step?: number) {
  const folder = shown(resolve(run))
  const last = step ?? (yield* Runtime.RunFolder.lastCursor(folder))?.step
  if (last === undefined) {
    const where = `${folder}/checkpoints`
    return yield* Effect.fail(new Errors.BadInput({ where, found: "no checkpoint", expected: "a run with one" }))
  }
  return Runtime.RunFolder.checkpoint(folder, last)
})
