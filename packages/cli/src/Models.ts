/** Finds the model that an experiment names, and says how it is loaded. */
import type { Loadable } from "@hmx/runtime"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Errors, Model } from "hmx"
import type { Locate } from "@hmx/runtime"

/** `cuda` is the first GPU. */
export type Device = "cpu" | "cuda" | `cuda:${number}`

/** Where tensors are computed. */
export interface Engine {
  readonly engine: "tfjs" | "torch" | "tensorflow" | "auto"
  /** Of tfjs. Default: wasm. */
  readonly backend?: "wasm" | "cpu" | undefined
  /** Of torch: what bf16 and f16 weights are multiplied in. Default: what the device is fast at. */
  readonly compute?: "f32" | "stored" | undefined
  /** Of torch and tensorflow. */
  readonly device?: Device | undefined
  readonly threads?: number | undefined
  /** Bytes that tensors may take at the most. */
  readonly engineMemory?: number | undefined
}

/** What loading can fail with, beside a mistake of HMX. */
export type Unloadable =
  | Errors.BadInput
  | Errors.StorageFailed
  | Errors.RemoteUnavailable
  | Errors.DeviceLost
  | Errors.OutOfMemory
  | Errors.NonFinite

export class Models extends Context.Service<
  Models,
  {
    /** Reads the model's configuration, and no weight; of a model on the hub that is neither here nor known, it is downloaded. */
    readonly find: (
      model: Model.Model,
      locate: Locate,
      engine: Engine,
    ) => Effect.Effect<Loadable<Unloadable>, Errors.BadInput | Errors.StorageFailed | Errors.RemoteUnavailable>
  }
>()("hmx/cli/Models") {}
