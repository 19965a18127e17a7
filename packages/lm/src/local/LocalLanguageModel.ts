import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Errors, Model } from "hmx"
import { LanguageModel } from "hmx"
import type { Failure } from "./protocol.ts"
import { WorkerClient } from "./WorkerClient.ts"

export interface LocalOptions {
  /** In Hugging Face's layout. */
  readonly checkpointFolder: string
  /** URL of the engine's module: it exports `create(options): Promise<Engine>`. */
  readonly engineModule: string
  /** Handed to `create`; must survive structured cloning. */
  readonly engineOptions?: unknown
  readonly chat?: Model.ChatOptions
  /** Where the engine's speed is noted once it is loaded, for plans; a probe of some tens of milliseconds where it is not known. Default: nowhere. */
  readonly speedFolder?: string
}

/** A failure that a method does not know is a mistake of ours. */
const asInput = <A>(effect: Effect.Effect<A, Failure>) =>
  effect.pipe(Effect.catchTags({ OutOfMemory: Effect.die, NonFinite: Effect.die, StorageFailed: Effect.die }))
const asDevice = <A>(effect: Effect.Effect<A, Failure>) =>
  asInput(effect).pipe(Effect.catchTags({ BadInput: Effect.die }))
const asCompute = <A>(effect: Effect.Effect<A, Failure>) => effect.pipe(Effect.catchTags({ StorageFailed: Effect.die }))
const asStorage = <A>(effect: Effect.Effect<A, Failure>) =>
  effect.pipe(Effect.catchTags({ OutOfMemory: Effect.die, NonFinite: Effect.die, BadInput: Effect.die }))

/**
 * hmx's `LanguageModel` over a tensor engine in a worker thread of its own. The worker and its memory go with the layer's scope.
 * Requests that wait together are computed together; each returns what it would alone.
 */
export const layer = (
  options: LocalOptions,
): Layer.Layer<LanguageModel, Errors.BadInput | Errors.DeviceLost | Errors.StorageFailed | Errors.OutOfMemory> =>
  Layer.effect(
    LanguageModel,
    Effect.gen(function* () {
      const { chat = {}, checkpointFolder, engineModule, engineOptions, speedFolder } = options
      const client = yield* Effect.acquireRelease(
        WorkerClient.start({
          chat,
          checkpointFolder,
          engineModule,
          engineOptions,
          ...(speedFolder === undefined ? {} : { speedFolder }),
        }),
        (client) => client.close(),
        { interruptible: true },
      ).pipe(Effect.catchTags({ NonFinite: Effect.die }))
      return LanguageModel.of({
        info: client.info,
        encodeChat: (chats) => asInput(client.call("encodeChat", chats)),
        encode: (texts) => asInput(client.call("encode", texts)),
        decode: (tokens) => asInput(client.call("decode", tokens)),
        sample: (request) => asCompute(client.call("sample", request)),
        logprobs: (requests) => asCompute(client.call("logprobs", requests)),
        choices: (requests) => asCompute(client.call("choices", requests)),
        forwardBackward: (request) => asCompute(client.call("forwardBackward", request)),
        optimStep: (request) => asCompute(client.call("optimStep", request)),
        zeroGrad: (adapter) => asDevice(client.call("zeroGrad", adapter)),
        offload: (adapter) => asDevice(client.call("offload", adapter)),
        createAdapter: (name, lora, seed) => asCompute(client.call("createAdapter", name, lora, seed)),
        dropAdapter: (name) => asDevice(client.call("dropAdapter", name)),
        saveState: (adapter, folder, what) => asStorage(client.call("saveState", adapter, folder, what)),
        loadState: (adapter, folder, what) => client.call("loadState", adapter, folder, what),
        memory: (what) => asDevice(client.call("memory", what)),
      })
    }),
  )
