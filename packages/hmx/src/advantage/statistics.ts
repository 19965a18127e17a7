/** Mean and Bessel-corrected standard deviation over what is scored. */

/** `null` is unscored and keeps out. The mean of nothing is 0; the deviation of fewer than two is 0. */
export const statistics = (
  values: ReadonlyArray<number | null>,
): { readonly n: number; readonly mean: number; readonly std: number } => {
  const scored = values.filter((v) => v !== null)
  const n = scored.length
  if (n === 0) return { n, mean: 0, std: 0 }
  const mean = scored.reduce((sum, v) => sum + v, 0) / n
  // Equal values have no spread: their mean may differ from them in the last bit, and a small epsilon would blow that up.
  if (n === 1 || scored.every((v) => v === scored[0])) return { n, mean: scored[0] ?? 0, std: 0 }
  return { n, mean, std: Math.sqrt(scored.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1)) }
}

/** Mean and deviation of a whole from those of its parts: exactly the statistics of all values together. */
export const pooled = (
  parts: ReadonlyArray<{ readonly n: number; readonly mean: number; readonly std: number }>,
): { readonly n: number; readonly mean: number; readonly std: number } => {
  const n = parts.reduce((sum, p) => sum + p.n, 0)
  if (n === 0) return { n, mean: 0, std: 0 }
  const mean = parts.reduce((sum, p) => sum + p.n * p.mean, 0) / n
  if (n === 1) return { n, mean, std: 0 }
  const squares = parts.reduce((sum, p) => sum + Math.max(0, p.n - 1) * p.std ** 2 + p.n * (p.mean - mean) ** 2, 0)
  return { n, mean, std: Math.sqrt(squares / (n - 1)) }
}
