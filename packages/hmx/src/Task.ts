/** A task of Evaluate: something that measures a policy. Benchmarks stand in `@hmx/evals`. */
import type * as Effect from "effect/Effect"
import type { Answer, Measure } from "./Artefact.ts"
import type { Data } from "./Data.ts"
import type {
  BadInput,
  DeviceLost,
  NonFinite,
  OutOfMemory,
  RateLimited,
  RemoteUnavailable,
  StorageFailed,
  Unparseable,
} from "./Errors.ts"
import type { LanguageModel } from "./LanguageModel.ts"
import type { Step } from "./Step.ts"

/** A "held-out" task reads a rubric by a judge that is not in training; it settles what a live judge owes. */
export type Kind = "benchmark" | "held-out"

export interface Result {
  readonly measures: ReadonlyArray<Measure>
  /** Answers worth showing to a person; may be empty. */
  readonly answers: ReadonlyArray<Answer>
}

/** `name`, `version` and `options` are its identity. `run` measures the policy of the `Step` service. */
export interface Task<K extends Kind = Kind> {
  readonly kind: K
  readonly name: string
  readonly version: number
  readonly options: object
  /** Files that `run` reads by paths relative to the pipeline's file: their content is part of an experiment's identity. Default: none. */
  readonly files?: ReadonlyArray<string>
  readonly run: Effect.Effect<
    Result,
    OutOfMemory | NonFinite | DeviceLost | RemoteUnavailable | RateLimited | BadInput | Unparseable | StorageFailed,
    LanguageModel | Data | Step
  >
}
