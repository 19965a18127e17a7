/** Divides the score of every token that has occurred, or multiplies it where it is negative; once a token. In place; 1 is off. */
export const repetitionPenalty = (scores_V: Float32Array, penalty: number, history: Iterable<number>): void => {
  if (penalty === 1) return
  for (const token of new Set(history)) {
    const score = scores_V[token]
    if (score !== undefined) scores_V[token] = score < 0 ? score * penalty : score / penalty
  }
}
