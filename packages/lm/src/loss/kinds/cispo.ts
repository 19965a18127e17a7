import type { LossKind } from "../LossKind.ts"
import { tokenMean } from "../means.ts"
import { dapo } from "./dapo.ts"

/** CISPO (MiniMax-M1 2025): REINFORCE weighted by the ratio, capped at ε_high itself and without gradient. */
export const cispo: LossKind = {
  term:
    ({ epsilonHigh }, { advantage }) =>
    (ratio, logprob) => {
      const byLogprob = -Math.min(ratio, epsilonHigh) * advantage
      return { value: byLogprob * logprob, byRatio: 0, byLogprob }
    },
  weight: dapo.weight,
  metrics: ({ epsilonHigh }, rows) => ({
    cispo_clip_ratio: tokenMean(
      rows,
      rows.map((row) => row.ratios.map((ratio) => (ratio > epsilonHigh && row.advantage > 0 ? 1 : 0))),
    ),
  }),
}
