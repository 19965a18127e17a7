import type { LossKind } from "../LossKind.ts"
import { clipMetrics, clippedTerm } from "./clipped.ts"

/** DAPO (Yu et al. 2025): mean over all tokens of the update. */
export const dapo: LossKind = {
  term: clippedTerm,
  weight: (_, by) => 1 / by.tokens,
  metrics: clipMetrics,
}
