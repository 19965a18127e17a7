import type { FullLossOptions } from "./defaults.ts"
import type { PreparedRow } from "./prepareRow.ts"

/**
 * The entropy below which a token carries no policy gradient: the (1 − share) quantile over these rows, linear between neighbours.
 * The rank is computed in f32 as torch does: a rank that is a whole number in f32 keeps its token.
 */
export const entropyThreshold = (rows: ReadonlyArray<PreparedRow>, share: number): number => {
  if (share >= 1) return Number.NEGATIVE_INFINITY
  const sorted = rows
    .flatMap((row, i) => {
      if (row.entropies === undefined) throw new RangeError(`row ${i}: topEntropyQuantile needs entropies`)
      return row.entropies
    })
    .toSorted((a, b) => a - b)
  const rank = Math.fround(Math.fround(1 - share) * (sorted.length - 1))
  const low = sorted[Math.floor(rank)] ?? Number.NEGATIVE_INFINITY
  const high = sorted[Math.ceil(rank)] ?? low
  return low + (high - low) * (rank - Math.floor(rank))
}

/** Off-policy sequence masking (DeepSeek-V3.2): a bad completion that the policy has moved far away from teaches nothing. */
export const isOffPolicy = (row: PreparedRow, options: FullLossOptions): boolean => {
  const drift = -row.logRatios.reduce((sum, x) => sum + x, 0) / Math.max(row.logRatios.length, 1)
  return row.advantage < 0 && drift > options.offPolicyMaskThreshold
}
