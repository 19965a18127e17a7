/**
 * Nucleus sampling: removes the least probable tokens whose mass, summed from below, is at most 1 − p; the most probable one
 * always stays. Of equal scores at the edge the earlier tokens go first, as in a stable sort. In place; 1 is off.
 */
export const topP = (scores_V: Float32Array, p: number): void => {
  if (p >= 1) return
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < scores_V.length; i++) {
    const score = scores_V[i] ?? max
    if (score > max) max = score
  }
  const weights = new Float64Array(scores_V.length)
  const order = new Float64Array(scores_V.length)
  let live = 0
  let total = 0
  for (let i = 0; i < scores_V.length; i++) {
    const score = scores_V[i] ?? max
    if (score === Number.NEGATIVE_INFINITY) continue
    const weight = Math.exp(score - max)
    weights[i] = weight
    order[live++] = weight
    total += weight
  }
  const budget = (1 - p) * total
  const edge = selectByMass(order.subarray(0, live), budget)
  let mass = edge.below
  let last = 0
  for (let i = 0; i < scores_V.length; i++) {
    const weight = weights[i] ?? 0
    if (weight > edge.weight) continue
    if (weight === edge.weight) {
      last = i
      mass += weight
      if (mass > budget) continue
    }
    scores_V[i] = Number.NEGATIVE_INFINITY
  }
  // With p near 0 rounding can take the last of the best tokens as well; the weight of a best token is 1.
  if (edge.weight === 1) scores_V[last] = max
}

/** The largest weight whose smaller ones together are at most `budget`, and their sum: quickselect by mass. Reorders `values`. */
const selectByMass = (values: Float64Array, budget: number): { readonly weight: number; readonly below: number } => {
  const at = (i: number) => values[i] ?? 0
  let left = 0
  let right = values.length
  let below = 0
  for (;;) {
    const pivot = at((left + right) >>> 1)
    // Three parts: smaller [left, low), equal [low, i), larger [high, right).
    let low = left
    let i = left
    let high = right
    let smaller = 0
    while (i < high) {
      const x = at(i)
      if (x < pivot) {
        smaller += x
        values[i++] = at(low)
        values[low++] = x
      } else if (x > pivot) {
        values[i] = at(--high)
        values[high] = x
      } else {
        i++
      }
    }
    const upTo = below + smaller + (high - low) * pivot
    if (below + smaller > budget && low > left) {
      right = low
    } else if (upTo > budget || high >= right) {
      return { weight: pivot, below: below + smaller }
    } else {
      below = upTo
      left = high
    }
  }
}
