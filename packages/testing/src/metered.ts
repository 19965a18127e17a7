import * as Effect from "effect/Effect"
import { LanguageModel, type MemoryUse } from "hmx"

/** What an effect gave, and the model's memory round it. `leaked` counts tensors that were not there before. */
export interface Metered<A> {
  readonly value: A
  readonly before: MemoryUse
  readonly after: MemoryUse
  /** Most bytes live while it ran. */
  readonly peak: number
  readonly leaked: number
}

/**
 * Runs an effect and measures the model's memory: before, at most, after.
 *
 * @example
 * import { metered } from "@hmx/testing"
 * import * as Effect from "effect/Effect"
 * import { LanguageModel } from "hmx"
 *
 * const program = metered(Effect.flatMap(LanguageModel, (lm) => lm.encode(["Hello"])))
 */
export const metered = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const before = yield* lm.memory({ resetPeak: true })
    const value = yield* effect
    const after = yield* lm.memory()
    const metered: Metered<A> = { value, before, after, peak: after.peak, leaked: after.tensors - before.tensors }
    return metered
  })
