import { rowMeans, tokenMean } from "../means.ts"
import type { LossKind } from "../LossKind.ts"

/**
 * PPO's pessimistic clip: −min(ratio · A, clip(ratio, 1 − ε, 1 + ε_high) · A), the ratio first capped at `delta` (INTELLECT-2's
 * two-sided clip).
 */
export const clippedTerm: LossKind["term"] =
  ({ epsilon, epsilonHigh, delta }, { advantage }) =>
  (ratio) => {
    const capped = Math.min(ratio, delta)
    const clipped = Math.min(Math.max(ratio, 1 - epsilon), 1 + epsilonHigh)
    const live = capped * advantage <= clipped * advantage ? ratio <= delta : clipped === ratio
    return {
      value: -Math.min(capped * advantage, clipped * advantage),
      byRatio: live ? -advantage : 0,
      byLogprob: 0,
    }
  }

/** Shares of the tokens (of the rows, for ratios of sequences) at which the clip acts, and their extremes over rows. */
export const clipMetrics: LossKind["metrics"] = ({ epsilon, epsilonHigh, delta }, rows) => {
  const shares = (acts: (ratio: number, advantage: number) => boolean) => {
    const hits = rows.map((row) => row.ratios.map((r) => (acts(Math.min(r, delta), row.advantage) ? 1 : 0)))
    const means = rowMeans(rows, hits)
    return { mean: tokenMean(rows, hits), min: Math.min(...means), max: Math.max(...means) }
  }
  const low = shares((ratio, advantage) => ratio < 1 - epsilon && advantage < 0)
  const high = shares((ratio, advantage) => ratio > 1 + epsilonHigh && advantage > 0)
  return {
    "clip_ratio/low_mean": low.mean,
    "clip_ratio/low_min": low.min,
    "clip_ratio/high_mean": high.mean,
    "clip_ratio/high_max": high.max,
    // A token cannot be clipped on both sides.
    "clip_ratio/region_mean": low.mean + high.mean,
  }
}
