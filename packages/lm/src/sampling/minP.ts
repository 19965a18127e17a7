/** Removes what is less probable than p times the most probable token. In place; 0 is off. */
export const minP = (scores_V: Float32Array, p: number): void => {
  if (p <= 0) return
  let max = Number.NEGATIVE_INFINITY
  for (const score of scores_V) if (score > max) max = score
  const threshold = max + Math.log(Math.min(p, 1))
  for (let i = 0; i < scores_V.length; i++) if ((scores_V[i] ?? 0) < threshold) scores_V[i] = Number.NEGATIVE_INFINITY
}
