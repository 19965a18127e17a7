import type { LossKind } from "../LossKind.ts"
import { clipMetrics, clippedTerm } from "./clipped.ts"

/** GRPO (Shao et al. 2024, DeepSeekMath): mean over a completion's tokens, then over completions. */
export const grpo: LossKind = {
  term: clippedTerm,
  weight: (row, by) => 1 / (Math.max(row.places.length, 1) * by.rows),
  metrics: clipMetrics,
}
