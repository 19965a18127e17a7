import type { PreparedRow } from "./prepareRow.ts"

const sum = (xs: ReadonlyArray<number>) => xs.reduce((a, x) => a + x, 0)

/** Mean over all tokens in the loss; with ratios of sequences a ratio's mean is over rows, each once. NaN where there are none. */
export const tokenMean = (rows: ReadonlyArray<PreparedRow>, values: ReadonlyArray<ReadonlyArray<number>>): number => {
  if (rows[0]?.sequenceLevel === true) return sum(values.map((row) => row[0] ?? 0)) / rows.length
  return sum(values.map(sum)) / sum(values.map((row) => row.length))
}

/** Mean of each row that has a token in the loss; a ratio of a sequence is its own mean, and 0 stands for a row without tokens. */
export const rowMeans = (rows: ReadonlyArray<PreparedRow>, values: ReadonlyArray<ReadonlyArray<number>>) =>
  rows.flatMap((_, i) => {
    const row = values[i] ?? []
    if (row.length === 0) return rows[0]?.sequenceLevel === true ? [0] : []
    return [sum(row) / row.length]
  })
