/** Rules by which calls of a scripted model fail. */
import { mix } from "./_internals/hash.ts"

/**
 * Every n-th call fails so.
 *
 * @example
 * import { Errors } from "hmx"
 * import { every, ScriptedModel } from "@hmx/testing"
 *
 * const oom = new Errors.OutOfMemory({ need: 1024, where: "attention" })
 * const layer = ScriptedModel.layer({ failures: { forwardBackward: every(3, oom) } })
 */
export const every =
  <E>(n: number, error: E) =>
  (call: number): E | undefined =>
    call % n === 0 ? error : undefined

/** A share of the calls fails so (0 to 1), which ones by the seed: the same seed, the same calls. */
export const sometimes =
  <E>(share: number, error: E, seed = 1) =>
  (call: number): E | undefined =>
    mix(mix(seed, 0x5eed), call) / 2 ** 32 < share ? error : undefined
