import type { LossKind } from "../LossKind.ts"
import { clipMetrics, clippedTerm } from "./clipped.ts"

/** Dr. GRPO (Liu et al. 2025): divided by a constant, so that long completions are not favoured. */
export const drGrpo: LossKind = {
  term: clippedTerm,
  weight: (_, by) => 1 / (by.rows * by.maxCompletionLength),
  metrics: clipMetrics,
}
