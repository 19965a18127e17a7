/** Models on this machine, computed by the local engine. What computes is loaded once an experiment has been found to be in order. */
import { checkpoint } from "@hmx/nano"
import type { Locate } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LanguageModel, type Model } from "hmx"
import { fileURLToPath } from "node:url"
import { checkpointFolder, isMissing } from "./checkpointFolder.ts"
import { type Engine, Models } from "./Models.ts"

/** Packages of the engines, by the flag's name. */
const engines: { readonly [E in Engine["engine"]]: string } = {
  tfjs: "@hmx/engine-tfjs",
  torch: "@hmx/engine-torch",
}

export const localModels = Layer.succeed(Models, {
  find: Effect.fnUntraced(function* (model: Model.Model, locate: Locate, { backend, engine, threads }: Engine) {
    const found = yield* Effect.result(checkpointFolder(model, locate, fileURLToPath(checkpoint)))
    const { knownModel, LocalLanguageModel, shapeOf, shapeOfConfig } = yield* Effect.promise(() => import("@hmx/lm"))
    if (found._tag === "Failure") {
      // A known model is planned without a download; loading it is what fails.
      const known = model.kind === "hf" && isMissing(found.failure) ? knownModel(model.repo) : undefined
      if (known === undefined || model.kind !== "hf") return yield* Effect.fail(found.failure)
      const shape = shapeOfConfig((yield* known).config, 4)
      const layer = Layer.effect(LanguageModel, Effect.fail(found.failure))
      return { name: `${model.repo}@${model.revision}`, shape, layer }
    }
    const { folder, name } = found.success
    const layer = LocalLanguageModel.layer({
      checkpointFolder: folder,
      engineModule: import.meta.resolve(engines[engine]),
      engineOptions: { ...(engine === "tfjs" ? { backend } : {}), ...(threads === undefined ? {} : { threads }) },
    })
    return { name, shape: yield* shapeOf(folder), layer }
  }),
})
