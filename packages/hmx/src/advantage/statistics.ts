/**
 * Mean and Bessel-corrected standard deviation over what is scored, in f32 and in torch's order of summation, as TRL's `nanmean` and
 * `nanstd` have them: where rewards near 7 differ by 1e-5, the rounding of the mean alone moves an advantage by .002, and the same
 * rewards shall give the same advantages here and there.
 */

export interface Statistics {
  /** How many are scored. */
  readonly n: number
  readonly mean: number
  readonly std: number
}

/** `null` is unscored and keeps out. The mean of nothing is 0; the deviation of fewer than two is 0. */
export const statistics = (values: ReadonlyArray<number | null>): Statistics => {
  const scored = values.filter((v) => v !== null)
  const n = scored.length
  if (n === 0) return { n, mean: 0, std: 0 }
  const [first = 0] = scored
  // Equal values have no spread: their rounded mean may differ from them in the last bit, and a small epsilon would blow that up.
  if (scored.every((v) => v === first)) return { n, mean: Math.fround(first), std: 0 }
  const mean = Math.fround(sum(values.map((v) => v ?? 0)) / n)
  const squares = values.map((v) => (v === null ? 0 : Math.fround((Math.fround(v) - mean) ** 2)))
  const variance = Math.fround(Math.fround(sum(squares) / n) * Math.fround(n / (n - 1)))
  return { n, mean, std: Math.fround(Math.sqrt(variance)) }
}

/** Mean and deviation of a whole from those of its parts: those of all values together. */
export const pooled = (parts: ReadonlyArray<Statistics>): Statistics => {
  const n = parts.reduce((total, p) => total + p.n, 0)
  if (n === 0) return { n, mean: 0, std: 0 }
  const mean = parts.reduce((total, p) => total + p.n * p.mean, 0) / n
  if (n === 1) return { n, mean, std: 0 }
  const squares = parts.reduce((total, p) => total + Math.max(0, p.n - 1) * p.std ** 2 + p.n * (p.mean - mean) ** 2, 0)
  return { n, mean, std: Math.sqrt(squares / (n - 1)) }
}

/** torch's sum of a row of f32 on a CPU with vectors of eight (`cascade_sum`, ATen/native/cpu/SumKernel.cpp), for rows below 512. */
const sum = (xs: ReadonlyArray<number>): number => {
  if (xs.length < 8) return lanes(xs.map((x) => [Math.fround(x)]))[0] ?? 0
  const whole = xs.length - (xs.length % 8)
  const vectors = Array.from({ length: whole / 8 }, (_, i) => xs.slice(8 * i, 8 * i + 8).map(Math.fround))
  return [...xs.slice(whole), ...lanes(vectors)].reduce((total, x) => Math.fround(total + Math.fround(x)), 0)
}

/** Adds rows of a few lanes: four accumulators take turns, the first takes the rest, and they are added in order. */
const lanes = (rows: ReadonlyArray<ReadonlyArray<number>>): ReadonlyArray<number> => {
  const turns = rows.length - (rows.length % 4)
  const width = rows[0]?.length ?? 0
  const four = Array.from({ length: 4 }, (_, k) =>
    added(
      rows.filter((_row, i) => (i < turns ? i % 4 === k : k === 0)),
      width,
    ),
  )
  return added(four, width)
}

const added = (rows: ReadonlyArray<ReadonlyArray<number>>, width: number): ReadonlyArray<number> =>
  rows.reduce<ReadonlyArray<number>>(
    (total, row) => total.map((x, lane) => Math.fround(x + (row[lane] ?? 0))),
    Array.from({ length: width }, () => 0),
  )
