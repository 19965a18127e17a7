import type { FullLossOptions } from "../defaults.ts"
import type { LossKind } from "../LossKind.ts"
import type { PreparedRow } from "../prepareRow.ts"
import { dapo } from "./dapo.ts"

const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high)

/** φ(w) = e^λ wᵏ e^(−λw) of the sequence's weight w = π/π_old, without gradient; φ(1) = 1. */
const gammaWeight = (options: FullLossOptions, { advantage, logRatios }: PreparedRow): number => {
  const k = advantage >= 0 ? options.vespoKPos : options.vespoKNeg
  const lambda = Math.max(advantage >= 0 ? options.vespoLambdaPos : options.vespoLambdaNeg, 1e-4)
  const sum = logRatios.reduce((a, x) => a + clamp(x, -20, 20), 0)
  const logWeight = clamp(sum, Math.log(1e-8), 20)
  return Math.exp(lambda + k * logWeight - lambda * Math.exp(logWeight))
}

/** VESPO: REINFORCE with each completion weighted by a gamma density of its importance weight. */
export const vespo: LossKind = {
  term: (options, row) => {
    const byLogprob = -gammaWeight(options, row) * row.advantage
    return (_, logprob) => ({ value: byLogprob * logprob, byRatio: 0, byLogprob })
  },
  weight: dapo.weight,
  metrics: (options, rows) => ({
    "vespo/phi_seq_mean": rows.reduce((sum, row) => sum + gammaWeight(options, row), 0) / rows.length,
  }),
}
