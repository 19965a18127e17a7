/**
 * log softmax(logits / temperature) at a token, in f64: what training recomputes, so of the logits before any other processor.
 * Temperature 0 counts as 1.
 */
export const logprobAt = (logits_V: ArrayLike<number>, token: number, temperature = 1): number => {
  const scale = 1 / (temperature === 0 ? 1 : temperature)
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < logits_V.length; i++) {
    const logit = logits_V[i] ?? max
    if (logit > max) max = logit
  }
  let total = 0
  for (let i = 0; i < logits_V.length; i++) total += Math.exp(((logits_V[i] ?? max) - max) * scale)
  return ((logits_V[token] ?? Number.NaN) - max) * scale - Math.log(total)
}
