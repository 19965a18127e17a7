/** The request types of the language model, read off the service itself. */
import type { LanguageModel } from "hmx"
import type * as Effect from "effect/Effect"

export type Service = LanguageModel["Service"]
/** Names of the methods, without the data field `info`. */
export type Method = Exclude<keyof Service, "info">
/** The errors a method may fail with. */
export type ErrorOf<M extends Method> = Effect.Error<ReturnType<Service[M]>>

export type Chat = Parameters<Service["encodeChat"]>[0][number]
export type Tokens = Parameters<Service["decode"]>[0][number]
export type ModelInfo = Service["info"]
export type SampleRequest = Parameters<Service["sample"]>[0]
export type Adapter = SampleRequest["by"]
export type Completion = Effect.Success<ReturnType<Service["sample"]>>[number]
export type ChoicesRequest = Parameters<Service["choices"]>[0][number]
export type ForwardBackwardRequest = Parameters<Service["forwardBackward"]>[0]
