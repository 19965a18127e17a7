/** What both sides compute: Qwen3-shaped decoders with random weights, and the tokens of one GRPO iteration. */
import type { DecoderSpec } from "@hmx/lm"
import { knownModel, stream } from "@hmx/lm"
import * as Effect from "effect/Effect"

export const sizes = ["small", "0.6b", "4b", "8b"] as const
export type Size = (typeof sizes)[number]
/** Those that the baseline has as well. */
export const compared: ReadonlyArray<Size> = ["small", "0.6b"]

const shared = {
  family: "qwen3",
  context: 4096,
  normEps: 1e-6,
  ropeTheta: 1e6,
  activation: "silu",
  tied: true,
  qkNorm: true,
  qkvBias: false,
} as const

/** A known model's shape, with the context of the others. */
const known = (repo: string): DecoderSpec => {
  const found = knownModel(repo)
  if (found === undefined) throw new Error(`${repo} is not known`)
  return { ...Effect.runSync(found).config.spec, context: shared.context }
}

/** Of `compared` the same shapes as in `baseline.py`. */
export const shapes: { readonly [S in Size]: DecoderSpec } = {
  small: { ...shared, hidden: 256, layers: 6, heads: 4, kvHeads: 2, headDim: 64, ffn: 768, vocab: 4096 },
  "0.6b": { ...shared, hidden: 1024, layers: 28, heads: 16, kvHeads: 8, headDim: 128, ffn: 3072, vocab: 151936 },
  "4b": known("Qwen/Qwen3-4B"),
  "8b": known("Qwen/Qwen3-8B"),
}

/** Counts of tokens and completions. */
export interface Workload {
  readonly size: Size
  /** Prompts of an iteration. */
  readonly groups: number
  readonly groupSize: number
  readonly promptTokens: number
  /** Every completion has so many: nothing ends it earlier. */
  readonly newTokens: number
  /** Of the judge's prompt, whose end is the completion. */
  readonly judgePrompt: number
  readonly judgeTokens: number
  readonly loraRank: number
  readonly seed: number
}

/** Any token but padding (0) and end (1). */
const tokens = (seed: number, name: string, n: number, vocab: number): ReadonlyArray<number> =>
  Array.from(stream(seed, name).uniform(n, 2, vocab), Math.floor)

/** The prompts of one iteration, and the rubric whose tail every completion replaces. */
export const inputs = (work: Workload, step: number) => {
  const { vocab } = shapes[work.size]
  return {
    prompts: Array.from({ length: work.groups }, (_, group) =>
      tokens(work.seed, `prompt ${step} ${group}`, work.promptTokens, vocab),
    ),
    rubric: tokens(work.seed, "rubric", work.judgePrompt, vocab),
  }
}
