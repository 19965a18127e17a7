/** Models on this machine, computed by the local engine. What computes is loaded once an experiment has been found to be in order. */
import { checkpoint } from "@hmx/nano"
import type { Locate } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Model } from "hmx"
import { fileURLToPath } from "node:url"
import { checkpointFolder } from "./checkpointFolder.ts"
import { type Engine, Models } from "./Models.ts"

/** Packages of the engines, by the flag's name. */
const engines: { readonly [E in Engine["engine"]]: string } = {
  tfjs: "@hmx/engine-tfjs",
  torch: "@hmx/engine-torch",
}

export const localModels = Layer.succeed(Models, {
  find: Effect.fnUntraced(function* (model: Model.Model, locate: Locate, { backend, engine, threads }: Engine) {
    const { folder, name } = yield* checkpointFolder(model, locate, fileURLToPath(checkpoint))
    const { LocalLanguageModel, shapeOf } = yield* Effect.promise(() => import("@hmx/lm"))
    const layer = LocalLanguageModel.layer({
      checkpointFolder: folder,
      engineModule: import.meta.resolve(engines[engine]),
      engineOptions: { ...(engine === "tfjs" ? { backend } : {}), ...(threads === undefined ? {} : { threads }) },
    })
    return { name, shape: yield* shapeOf(folder), layer }
  }),
})
