const largest = (
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  distance: (a: number, b: number) => number,
): number => {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY
  let max = 0
  for (let i = 0; i < found.length; i++) {
    const a = found[i] ?? Number.NaN
    const b = expected[i] ?? Number.NaN
    if (a === b) continue
    const delta = distance(a, b)
    if (!(delta <= max)) max = Number.isNaN(delta) ? Number.POSITIVE_INFINITY : delta
  }
  return max
}

/** Largest |a − b|; equal infinities agree; NaN or another length is infinitely far. */
export const maxDelta = (found: ArrayLike<number>, expected: ArrayLike<number>): number =>
  largest(found, expected, (a, b) => Math.abs(a - b))

/** Largest |a − b| / max(1, |b|): of figures that can be large, such as a KL term's exponential. */
export const maxScaledDelta = (found: ArrayLike<number>, expected: ArrayLike<number>): number =>
  largest(found, expected, (a, b) => Math.abs(a - b) / Math.max(1, Math.abs(b)))

/** Largest |a − b| / |b|. */
export const maxRelativeDelta = (found: ArrayLike<number>, expected: ArrayLike<number>): number =>
  largest(found, expected, (a, b) => Math.abs((a - b) / b))

/** ‖a − b‖₂ / ‖b‖₂: the relative error of a gradient as a whole. */
export const relativeError = (found: ArrayLike<number>, expected: ArrayLike<number>): number => {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY
  let difference = 0
  let norm = 0
  for (let i = 0; i < expected.length; i++) {
    const b = expected[i] ?? Number.NaN
    difference += ((found[i] ?? Number.NaN) - b) ** 2
    norm += b ** 2
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm)
}

/** Places at which two lists differ, and those that only one of them has. */
export const differences = <A>(found: ReadonlyArray<A>, expected: ReadonlyArray<A>): number => {
  const shared = Math.min(found.length, expected.length)
  let count = Math.max(found.length, expected.length) - shared
  for (let i = 0; i < shared; i++) if (found[i] !== expected[i]) count += 1
  return count
}
