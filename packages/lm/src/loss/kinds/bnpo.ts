import type { LossKind } from "../LossKind.ts"
import { clipMetrics, clippedTerm } from "./clipped.ts"

/** TRL's `bnpo`: mean over the tokens of the micro-batch. */
export const bnpo: LossKind = {
  term: clippedTerm,
  weight: (_, by) => 1 / by.tokensInMicroBatch,
  metrics: clipMetrics,
}
