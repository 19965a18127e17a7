/** Divides every score. In place; 1 is off. */
export const temperature = (scores_V: Float32Array, value: number): void => {
  if (value === 1) return
  for (let i = 0; i < scores_V.length; i++) scores_V[i] = (scores_V[i] ?? 0) / value
}
