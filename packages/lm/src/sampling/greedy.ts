/** The most probable token; of equals the first, as torch's argmax. */
export const greedy = (scores_V: ArrayLike<number>): number => {
  let best = 0
  for (let i = 1; i < scores_V.length; i++) if ((scores_V[i] ?? 0) > (scores_V[best] ?? 0)) best = i
  return best
}
