/**
 * Nucleus sampling: removes the least probable tokens whose mass, summed from below, is at most 1 − p; the most probable one
 * always stays. Of equal scores at the edge the earlier tokens go first. In place; 1 is off.
 */
export const topP = (scores_V: Float32Array, p: number): void => {
  if (p >= 1) return
  const live = scores_V.filter((score) => score !== Number.NEGATIVE_INFINITY)
  let max = Number.NEGATIVE_INFINITY
  for (const score of live) if (score > max) max = score
  let total = 0
  for (const score of live) total += Math.exp(score - max)
  const { threshold, below } = edge(live, max, (1 - p) * total)
  let mass = below
  const weight = Math.exp(threshold - max)
  for (let i = 0; i < scores_V.length; i++) {
    const score = scores_V[i] ?? 0
    if (score > threshold) continue
    if (score === threshold) {
      mass += weight
      if (mass > (1 - p) * total || threshold === max) continue
    }
    scores_V[i] = Number.NEGATIVE_INFINITY
  }
}

/** The largest score whose smaller ones together weigh at most `budget`, and what they weigh: quickselect by mass. */
const edge = (values: Float32Array, max: number, budget: number) => {
  let rest = values
  let below = 0
  for (;;) {
    const pivot = rest[rest.length >>> 1]
    if (pivot === undefined) return { threshold: max, below }
    const smaller = rest.filter((x) => x < pivot)
    let mass = 0
    for (const x of smaller) mass += Math.exp(x - max)
    if (below + mass > budget) {
      rest = smaller
      continue
    }
    const larger = rest.filter((x) => x > pivot)
    const upTo = below + mass + (rest.length - smaller.length - larger.length) * Math.exp(pivot - max)
    if (upTo > budget || larger.length === 0) return { threshold: pivot, below: below + mass }
    below = upTo
    rest = larger
  }
}
