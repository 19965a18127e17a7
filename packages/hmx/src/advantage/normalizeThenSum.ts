/** Several rewards, each normalised before they are added (TRL's `multi_objective_aggregation="normalize_then_sum"`; GDPO, arXiv 2601.05242). */
import { statistics } from "./statistics.ts"
import { weightedSum } from "./weightedSum.ts"

/**
 * `groups` [groups][completions][rewards]. Each reward is put to (r − mean) / (std + stdEpsilon) within its group; their weighted sums
 * are put so once more over the whole batch. A completion with no reward at all is `null`; one with some sums what it has.
 */
export const normalizeThenSum = (
  groups: ReadonlyArray<ReadonlyArray<ReadonlyArray<number | null>>>,
  weights: ReadonlyArray<number>,
  options: { readonly stdEpsilon: number },
): { readonly values: ReadonlyArray<ReadonlyArray<number | null>>; readonly std: number } => {
  const summed = groups.map((rows) => {
    const columns = weights.map((_, k) =>
      normalized(
        rows.map((row) => row[k] ?? null),
        options.stdEpsilon,
      ),
    )
    return weightedSum(
      rows.map((_, i) => columns.map((column) => column[i] ?? null)),
      weights,
    )
  })
  const { mean, std } = statistics(summed.flat())
  const put = (v: number | null) => (v === null ? null : (v - mean) / (std + options.stdEpsilon))
  return { values: summed.map((group) => group.map(put)), std }
}

const normalized = (rewards: ReadonlyArray<number | null>, stdEpsilon: number): ReadonlyArray<number | null> => {
  const { mean, std } = statistics(rewards)
  return rewards.map((r) => (r === null ? null : Math.fround(Math.fround(r) - mean) / (std + stdEpsilon)))
}
