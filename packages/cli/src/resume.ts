/** `hmx resume RUN`. */
import * as Runtime from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Errors } from "hmx"
import { resolve } from "node:path"
import { loadPipeline } from "./loadPipeline.ts"
import { type Engine, Models } from "./Models.ts"
import { locateFrom, shown } from "./paths.ts"
import { Changes, changed } from "./settings.ts"
import { train } from "./train.ts"

export interface Options extends Engine {
  readonly run: string
  readonly quiet: boolean
  readonly json: boolean
}

/** How `run` says where it found the experiment. */
const Source = Schema.Struct({ file: Schema.String, changes: Changes })

export const resume = Effect.fnUntraced(function* (options: Options) {
  const folder = shown(resolve(options.run))
  const record = yield* Runtime.RunFolder.readRecord(folder)
  const source = yield* Effect.mapError(Schema.decodeUnknownEffect(Source)(record.source), () => {
    const where = `${folder}/experiment.json`
    return new Errors.BadInput({ where, found: "no word of a pipeline's file", expected: "a run that `hmx run` began" })
  })
  const loaded = yield* loadPipeline(resolve(folder, source.file))
  const pipeline = { ...loaded, experiment: yield* changed(loaded.experiment, source.changes) }
  const locate = locateFrom(pipeline.file)
  const model = yield* (yield* Models).find(pipeline.experiment.settings.model, locate, options)
  return yield* train(pipeline, options, ({ show }) =>
    Runtime.resume(pipeline.experiment, folder, { model, locate, onEvent: show }),
  )
})
