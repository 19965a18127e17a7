import type { SamplingParams } from "hmx"
import { minP } from "./minP.ts"
import { repetitionPenalty } from "./repetitionPenalty.ts"
import { temperature } from "./temperature.ts"
import { topK } from "./topK.ts"
import { topP } from "./topP.ts"

/** The part of `SamplingParams` that changes the distribution. */
export type ProcessorParams = Pick<SamplingParams, "temperature" | "topK" | "topP" | "minP" | "repetitionPenalty">

/**
 * transformers' logits processors in transformers' order: repetition penalty, temperature, top-k, top-p, min-p. A new [V] array in
 * f32; a removed token is −∞. `history` is the prompt and the answer so far. With temperature 0 only the penalty applies: take
 * `greedy` of the result.
 */
export const processLogits = (
  logits_V: ArrayLike<number>,
  params: ProcessorParams,
  history: Iterable<number>,
): Float32Array => {
  const scores = new Float32Array(logits_V)
  if (params.repetitionPenalty !== undefined) repetitionPenalty(scores, params.repetitionPenalty, history)
  if (params.temperature === 0) return scores
  if (params.temperature !== undefined) temperature(scores, params.temperature)
  if (params.topK !== undefined) topK(scores, params.topK)
  if (params.topP !== undefined) topP(scores, params.topP)
  if (params.minP !== undefined) minP(scores, params.minP)
  return scores
}
