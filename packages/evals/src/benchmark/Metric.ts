/** A figure over items, as a function of sums: one definition serves the value, its standard error and the bootstrap. */
import type { Values } from "./Benchmark.ts"

export interface Metric {
  readonly name: string
  /** null: neither is better. */
  readonly higherIsBetter: boolean | null
  /** The shares of a comparison are taken of it: one figure a thing that a benchmark measures. Default: shown and not counted. */
  readonly headline?: true
  /** What an item adds to the sums; all zero where it does not count. Always of the same length. */
  readonly terms: (values: Values) => ReadonlyArray<number>
  /** The figure of the sums; NaN where it is not defined. */
  readonly value: (sums: ReadonlyArray<number>) => number
  /** How many observations an item is; the `n` beside a figure. */
  readonly count: (values: Values) => number
}

/** A metric as one of its benchmark's headline figures. */
export const headline = (metric: Metric): Metric => ({ ...metric, headline: true })

/** Mean of an item figure over the items that have it. `scale` multiplies it (100 for percent). */
export const mean = (name: string, higherIsBetter: boolean | null, of: string = name, scale = 1): Metric => ({
  name,
  higherIsBetter,
  terms: (values) => {
    const value = values[of]
    return value === undefined ? [0, 0] : [value, 1]
  },
  value: ([sum = 0, n = 0]) => (scale * sum) / n,
  count: (values) => (values[of] === undefined ? 0 : 1),
})

/** Sum of one item figure over the sum of another: a mean over parts of items, such as the instructions of a prompt. */
export const ratio = (name: string, higherIsBetter: boolean | null, over: string, under: string): Metric => ({
  name,
  higherIsBetter,
  terms: (values) => [values[over] ?? 0, values[under] ?? 0],
  value: ([sum = 0, n = 0]) => sum / n,
  count: (values) => values[under] ?? 0,
})
