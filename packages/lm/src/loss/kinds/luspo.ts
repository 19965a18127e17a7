import type { LossKind } from "../LossKind.ts"
import { clipMetrics, clippedTerm } from "./clipped.ts"

/** LUSPO: sum over a completion's tokens, mean over completions; meant for ratios of sequences. */
export const luspo: LossKind = {
  term: clippedTerm,
  weight: (_, by) => 1 / by.rows,
  metrics: clipMetrics,
}
