import { select } from "./select.ts"

/** Removes what is smaller than the k-th largest score; scores equal to it stay. In place; 0, or k ≥ V, is off. */
export const topK = (scores_V: Float32Array, k: number): void => {
  if (k <= 0 || k >= scores_V.length) return
  const threshold = select(scores_V.slice(), scores_V.length - k)
  for (let i = 0; i < scores_V.length; i++) if ((scores_V[i] ?? 0) < threshold) scores_V[i] = Number.NEGATIVE_INFINITY
}
