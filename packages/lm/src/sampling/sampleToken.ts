/** Scratch for the weights of one distribution: grows to the largest vocabulary met. Never read across calls. */
let scratch = new Float64Array(0)

/** The token at `u` ∈ [0, 1) of the cumulative distribution softmax(scores), in the vocabulary's order; f64. */
export const sampleToken = (processed_V: Float32Array, u: number): number => {
  const size = processed_V.length
  if (scratch.length < size) scratch = new Float64Array(size)
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < size; i++) {
    const score = processed_V[i] ?? max
    if (score > max) max = score
  }
  let total = 0
  for (let i = 0; i < size; i++) {
    const score = processed_V[i] ?? max
    const weight = score === Number.NEGATIVE_INFINITY ? 0 : Math.exp(score - max)
    scratch[i] = weight
    total += weight
  }
  let left = u * total
  let last = 0
  for (let i = 0; i < size; i++) {
    const weight = scratch[i] ?? 0
    if (weight === 0) continue
    left -= weight
    last = i
    if (left < 0) return i
  }
  return last
}
