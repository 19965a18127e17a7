/** Seconds of tokens by closed forms of a model's shape and the speed of its engine: where no earlier run has said how fast it is. */
import type { ModelShape } from "hmx"
import type { Tokens } from "./Planned.ts"

/** What the probe of an engine has measured. */
export interface Speed {
  /** Floating-point operations a second in a product of many rows. */
  readonly product: number
  /** Bytes of weights a second in a product of one row. */
  readonly memory: number
  /** Seconds of the smallest operation. */
  readonly call: number
  /** That it was measured with. */
  readonly engine: { readonly threads: number }
}

export interface Asked {
  /** In one go, at the most. */
  readonly tokens: Tokens
  /** Of an answer; 0 where none is sampled. */
  readonly newTokens: number
  /** Of a prompt and its answer. */
  readonly length: number
}

/** Operations of a layer in a pass over tokens, with a LoRA beside each of its seven products. */
const calls = 32

/**
 * Reading a token takes 2 operations for each weight that it meets, and attention 2 for each number of the keys and values before it (on
 * average half the length). A token of every answer is written in one pass, which takes as long as the weights and the cache are read or as
 * the products are computed, whichever is more. An update's backward pass computes gradients of what goes into a product and none of the
 * weights, so that it takes as much as the forward pass, but twice that in attention. Every pass also costs its calls.
 */
export const probed = (shape: ModelShape, speed: Speed, { length, newTokens, tokens }: Asked): number => {
  const { bytesPerWeight, headDim, heads, hidden, kvHeads, layers, parameters, tied, vocab } = shape
  // Of an embedding a token reads a row; the same weights as a head are a product.
  const weights = parameters - (tied ? 0 : vocab * hidden)
  const attention = 2 * layers * heads * headDim * length
  const forward = (2 * weights + attention) / speed.product
  const pass = calls * layers * speed.call
  const { read, trained, written } = tokens
  const reading = read === 0 ? 0 : read * forward + pass
  const training = trained === 0 ? 0 : (trained * (4 * weights + 3 * attention)) / speed.product + 4 * pass
  if (written === 0 || newTokens === 0) return reading + training
  const answers = written / newTokens
  const cache = 4 * 2 * layers * kvHeads * headDim * length
  const bytes = weights * bytesPerWeight + answers * cache
  return reading + training + newTokens * (Math.max(bytes / speed.memory, answers * forward) + pass)
}
