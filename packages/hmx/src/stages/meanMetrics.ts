/** Figures of several passes as one. */
export interface Measured {
  readonly weight: number
  readonly metrics: { readonly [name: string]: number }
}

/** The weighted mean of each metric over the passes that have it; the least and the greatest of those named `…_min` and `…_max`. */
export const meanMetrics = (passes: ReadonlyArray<Measured>): { readonly [name: string]: number } => {
  const names = new Set(passes.flatMap((p) => Object.keys(p.metrics)))
  return Object.fromEntries([...names].map((name) => [name, one(name, passes)]))
}

const one = (name: string, passes: ReadonlyArray<Measured>): number => {
  const having = passes.flatMap(({ metrics, weight }) => {
    const value = metrics[name]
    return value === undefined ? [] : [{ value, weight }]
  })
  if (name.endsWith("_min")) return Math.min(...having.map((h) => h.value))
  if (name.endsWith("_max")) return Math.max(...having.map((h) => h.value))
  const weights = having.reduce((sum, h) => sum + h.weight, 0)
  return having.reduce((sum, h) => sum + h.weight * h.value, 0) / weights
}
