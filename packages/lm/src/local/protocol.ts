/**
 * What the main thread and the model's worker say to each other. Both run the same version of this code, so a message needs no
 * check of its shape; errors are encoded by their schemas, because classes do not survive the crossing.
 */
import * as Schema from "effect/Schema"
import type {
  Chat,
  Choices,
  ChoicesRequest,
  Completion,
  ForwardBackwardRequest,
  ForwardBackwardResult,
  LogprobsRequest,
  LoraOptions,
  MemoryUse,
  Model,
  ModelInfo,
  OptimStepRequest,
  OptimStepResult,
  SampleRequest,
  Tokens,
} from "hmx"
import { Errors } from "hmx"
import { EngineOutOfMemory, EngineUnavailable } from "../Engine.ts"

/** What the worker can be asked: hmx's primitives. */
export interface Methods {
  readonly encodeChat: (chats: ReadonlyArray<Chat.Chat>) => ReadonlyArray<Tokens>
  readonly encode: (texts: ReadonlyArray<string>) => ReadonlyArray<Tokens>
  readonly decode: (tokens: ReadonlyArray<Tokens>) => ReadonlyArray<string>
  readonly sample: (request: SampleRequest) => ReadonlyArray<Completion>
  readonly logprobs: (requests: ReadonlyArray<LogprobsRequest>) => ReadonlyArray<ReadonlyArray<number>>
  readonly choices: (requests: ReadonlyArray<ChoicesRequest>) => ReadonlyArray<Choices>
  readonly forwardBackward: (request: ForwardBackwardRequest) => ForwardBackwardResult
  readonly optimStep: (request: OptimStepRequest) => OptimStepResult
  readonly zeroGrad: (adapter: string) => void
  readonly offload: (adapter: string) => void
  readonly createAdapter: (name: string, options: LoraOptions, seed: number) => string
  readonly dropAdapter: (name: string) => void
  readonly saveState: (
    adapter: string,
    folder: string,
    options: { readonly optimizer: boolean; readonly flush?: boolean },
  ) => void
  readonly loadState: (adapter: string, folder: string, options: { readonly optimizer: boolean }) => string
  readonly memory: (options?: { readonly resetPeak?: boolean }) => MemoryUse
}
export type Method = keyof Methods

/** One call. `stop` is shared memory: 1 says that the result is no longer wanted. */
export type Call = {
  readonly [M in Method]: {
    readonly id: number
    readonly stop: Int32Array
    readonly method: M
    readonly args: Parameters<Methods[M]>
  }
}[Method]

/** `value` is what the call's method gives: only the one who called knows its type. */
export type Reply =
  | { readonly id: number; readonly kind: "value"; readonly value: never }
  | { readonly id: number; readonly kind: "error"; readonly error: unknown }
  | { readonly id: number; readonly kind: "defect"; readonly text: string }
  | { readonly id: number; readonly kind: "stopped" }

/** The worker's first words. */
export type Hello =
  | { readonly kind: "ready"; readonly info: ModelInfo }
  | { readonly kind: "failed"; readonly error: unknown }

/** What the worker starts with. */
export interface Start {
  readonly checkpointFolder: string
  /** URL of a module whose `create(options)` makes an engine. */
  readonly engineModule: string
  readonly engineOptions: unknown
  /** Where the engine's speed is noted. Default: nowhere. */
  readonly speedFolder?: string
  readonly chat: Model.ChatOptions
  /** Whether the process has Node's compile cache. */
  readonly compileCache: boolean
}

const Failure = Schema.Union([
  Errors.OutOfMemory,
  Errors.NonFinite,
  Errors.BadInput,
  Errors.StorageFailed,
  Errors.DeviceLost,
])
export type Failure = typeof Failure.Type

const isFailure = Schema.is(Failure)
const encode = Schema.encodeSync(Failure)

/** A typed error of `hmx` for what was thrown; undefined for a mistake of ours. */
const failureOf = (thrown: unknown): Failure | undefined =>
  isFailure(thrown)
    ? thrown
    : thrown instanceof EngineOutOfMemory
      ? new Errors.OutOfMemory({ need: thrown.bytes, where: thrown.where })
      : thrown instanceof EngineUnavailable
        ? new Errors.BadInput({ where: thrown.where, found: thrown.found, expected: thrown.expected })
        : undefined

/** What was thrown, encoded; undefined where it is not one of hmx's typed errors. */
export const encodeFailure = (thrown: unknown): unknown => {
  const failure = failureOf(thrown)
  return failure === undefined ? undefined : encode(failure)
}

export const decodeFailure = Schema.decodeUnknownSync(Failure)
