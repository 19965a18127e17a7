/** Paired bootstrap between two arms that answered the same items. */
import { clusterSums, type Outcome } from "./estimate.ts"
import type { Metric } from "./Metric.ts"
import { randomInts } from "./random.ts"

export interface Difference {
  /** The metric of `b` minus that of `a`. */
  readonly value: number
  /** Standard deviation over resamples. */
  readonly stderr: number
  /** Percentile interval of 95 %. */
  readonly low: number
  readonly high: number
  /**
   * Two-sided: twice the smaller share of resamples on one side of 0, at most 1, and at least 2 / (resamples + 1) and 2^(1 − clusters),
   * which is the least that a test by the differences' signs can find of so few.
   */
  readonly p: number
  /** Clusters that both arms have. */
  readonly clusters: number
}

export interface BootstrapOptions {
  /** Default 0. */
  readonly seed?: number
  /** Default 2,000. */
  readonly resamples?: number
}

/**
 * Resamples items (clusters whole) with both arms' answers together, so that what items have in common leaves the difference (Efron &
 * Tibshirani 1993). Outcomes are paired by id; one that only one arm has is left out. Undefined without two clusters in common.
 */
export const pairedBootstrap = (
  metric: Metric,
  a: ReadonlyArray<Outcome>,
  b: ReadonlyArray<Outcome>,
  { resamples = 2000, seed = 0 }: BootstrapOptions = {},
): Difference | undefined => {
  const inA = new Set(a.map(({ id }) => id))
  const inB = new Set(b.map(({ id }) => id))
  const sumsA = clusterSums(
    metric,
    a.filter(({ id }) => inB.has(id)),
  )
  const sumsB = clusterSums(
    metric,
    b.filter(({ id }) => inA.has(id)),
  )
  // A cluster may count for one arm alone (nothing but refusals in the other); its terms there are zeros. Sorted, so that the
  // resamples do not depend on the items' order.
  const keys = [...new Set([...sumsA.keys(), ...sumsB.keys()])].toSorted()
  const n = keys.length
  if (n < 2) return undefined
  const columnsA = columnsOf(keys, sumsA)
  const columnsB = columnsOf(keys, sumsB)
  const rows = new Int32Array(n)
  const sumOf = (column: Float64Array): number => {
    let sum = 0
    for (let i = 0; i < n; i++) sum += column[rows[i] ?? 0] ?? 0
    return sum
  }
  /** Of the clusters that `pick` chooses, one for each cluster that there is. */
  const difference = (pick: (i: number) => number): number => {
    for (let i = 0; i < n; i++) rows[i] = pick(i)
    return metric.value(columnsB.map(sumOf)) - metric.value(columnsA.map(sumOf))
  }
  const value = difference((i) => i)
  const drawn: Array<number> = []
  for (let r = 0; r < resamples; r++) {
    const random = randomInts(seed, r)
    const d = difference((i) => random(i, n))
    if (Number.isFinite(d)) drawn.push(d)
  }
  if (drawn.length < 2) return undefined
  drawn.sort((x, y) => x - y)
  const middle = drawn.reduce((sum, x) => sum + x, 0) / drawn.length
  const stderr = Math.sqrt(drawn.reduce((sum, x) => sum + (x - middle) ** 2, 0) / (drawn.length - 1))
  const below = drawn.filter((x) => x <= 0).length
  const above = drawn.filter((x) => x >= 0).length
  const p = Math.min(1, Math.max((2 * (Math.min(below, above) + 1)) / (drawn.length + 1), 2 ** (1 - n)))
  return { value, stderr, low: quantile(drawn, 0.025), high: quantile(drawn, 0.975), p, clusters: n }
}

/** Terms by column, one row a key: zeros where a cluster does not count. */
const columnsOf = (keys: ReadonlyArray<string>, sums: ReadonlyMap<string, ReadonlyArray<number>>) =>
  Array.from({ length: sums.values().next().value?.length ?? 0 }, (_, k) =>
    Float64Array.from(keys, (key) => sums.get(key)?.[k] ?? 0),
  )

/** By linear interpolation between the sorted values, as NumPy's default. */
const quantile = (sorted: ReadonlyArray<number>, q: number): number => {
  const at = q * (sorted.length - 1)
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}
