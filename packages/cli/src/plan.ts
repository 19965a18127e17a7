/** `hmx plan FILE`: what a run would do and reserve. Reads no weights, writes nothing. */
import { escape, format, reservations } from "@hmx/report"
import { check, Memory } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { loadPipeline } from "./loadPipeline.ts"
import { Models } from "./Models.ts"
import { locateFrom, shown } from "./paths.ts"
import { type Changes, changed } from "./settings.ts"
import { told } from "./train.ts"

export interface Options extends Changes {
  readonly file: string
}

export const plan = Effect.fnUntraced(function* (options: Options) {
  const loaded = yield* loadPipeline(options.file)
  const pipeline = { ...loaded, experiment: yield* changed(loaded.experiment, options) }
  const { name, settings, stages } = pipeline.experiment
  const locate = locateFrom(pipeline.file)
  const model = yield* (yield* Models).find(settings.model, locate, { engine: "tfjs", backend: "wasm" })
  const checked = yield* Effect.mapError(check(pipeline.experiment, model.shape, locate), (e) => told(e, pipeline))
  const { heldOut, train } = checked.questions
  process.stdout.write(
    [
      `${escape(name)} (${shown(pipeline.file)}), digest ${checked.identity.digest}`,
      stages.map((s) => escape(s.name, 40)).join(" → "),
      `${settings.steps} steps of ${settings.prompts.perStep} prompts, from ${train.length} (${heldOut.length} held out); seed ${settings.seed}`,
      `${escape(model.name)}: ${model.shape.parameters} parameters; memory budget ${format.bytes(checked.memory.budget)}`,
      "",
      reservations(checked.memory),
      "",
    ].join("\n"),
  )
  yield* Effect.mapError(Memory.fit(checked.memory), (e) => told(e, pipeline))
})
