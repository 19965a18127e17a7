/** Several rewards as one (TRL's `reward_weights`). */

/**
 * One number a completion from its rewards `rows` [completions][rewards]; `null` where none of its rewards is there. As TRL's nansum, a
 * row with a gap sums what it has and is biased low; `normalise` divides by the weights that are there and multiplies by all of them.
 */
export const weightedSum = (
  rows: ReadonlyArray<ReadonlyArray<number | null>>,
  weights: ReadonlyArray<number>,
  options: { readonly normalise?: boolean } = {},
): ReadonlyArray<number | null> => {
  const all = weights.reduce((sum, w) => sum + w, 0)
  return rows.map((row) => {
    let sum = 0
    let there = 0
    let n = 0
    for (const [i, reward] of row.entries()) {
      if (reward === null) continue
      const weight = weights[i] ?? 1
      sum = Math.fround(sum + Math.fround(Math.fround(weight) * Math.fround(reward)))
      there += weight
      n++
    }
    if (n === 0) return null
    return options.normalise === true ? (sum * all) / there : sum
  })
}
