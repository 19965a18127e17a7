/** The experiment of a run's folder, as `hmx run` began it. */
import * as Runtime from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Errors } from "hmx"
import { resolve } from "node:path"
import { loadPipeline } from "./loadPipeline.ts"
import { locateFrom, shown } from "./paths.ts"
import { Changes, changed } from "./settings.ts"

/** How `run` says where it found the experiment. */
const Source = Schema.Struct({
  file: Schema.String,
  changes: Changes,
  engine: Schema.Struct({
    engine: Schema.Literals(["tfjs", "torch", "tensorflow", "auto"]),
    backend: Schema.Literals(["wasm", "cpu"]),
    device: Schema.optional(Schema.Literals(["cpu", "cuda"])),
    threads: Schema.optional(Schema.Int),
  }),
})

export const loadRun = Effect.fnUntraced(function* (run: string) {
  const folder = shown(resolve(run))
  const record = yield* Runtime.RunFolder.readRecord(folder)
  const source = yield* Effect.mapError(Schema.decodeUnknownEffect(Source)(record.source), () => {
    const where = `${folder}/experiment.json`
    return new Errors.BadInput({ where, found: "no word of a pipeline's file", expected: "a run that `hmx run` began" })
  })
  const loaded = yield* loadPipeline(resolve(folder, source.file))
  const pipeline = { ...loaded, experiment: yield* changed(loaded.experiment, source.changes) }
  return { folder, pipeline, engine: source.engine, locate: locateFrom(pipeline.file) }
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
