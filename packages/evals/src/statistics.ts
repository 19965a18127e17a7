/** Means with standard errors. */

export interface Mean {
  readonly value: number
  /** Of the mean: sample standard deviation / √n; 0 for fewer than two values, as there is nothing to estimate it from. */
  readonly stderr: number
  readonly n: number
}

/** NaN without values. */
export const mean = (values: ReadonlyArray<number>): Mean => {
  const n = values.length
  const value = values.reduce((sum, x) => sum + x, 0) / n
  const squares = values.reduce((sum, x) => sum + (x - value) ** 2, 0)
  return { value, stderr: n < 2 ? 0 : Math.sqrt(squares / (n - 1) / n), n }
}

/** Mean over groups of their means: answers to one question are not independent, so the questions are what is counted. */
export const meanOfGroups = (groups: ReadonlyArray<ReadonlyArray<number>>): Mean =>
  mean(groups.filter((group) => group.length > 0).map((group) => mean(group).value))

/** exp of each, normalised to 1: log-probabilities of alternatives as probabilities among themselves. */
export const softmax = (logs: ReadonlyArray<number>): ReadonlyArray<number> => {
  const most = Math.max(...logs)
  const raised = logs.map((log) => Math.exp(log - most))
  const total = raised.reduce((sum, x) => sum + x, 0)
  return raised.map((x) => x / total)
}

/** Index of the greatest, the first of equals, as NumPy's argmax; -1 of none. */
export const argmax = (values: ReadonlyArray<number>): number => values.indexOf(Math.max(...values))
