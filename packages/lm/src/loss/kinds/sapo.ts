import type { LossKind } from "../LossKind.ts"
import { grpo } from "./grpo.ts"

/** SAPO (arXiv 2511.20347): a sigmoid gate 4/τ · σ(τ(ratio − 1)) in place of the clip; at ratio 1 its slope is 1. */
export const sapo: LossKind = {
  term: ({ sapoTemperaturePos, sapoTemperatureNeg }, { advantage }) => {
    const temperature = advantage > 0 ? sapoTemperaturePos : sapoTemperatureNeg
    return (ratio) => {
      const gate = 1 / (1 + Math.exp(-temperature * (ratio - 1)))
      return {
        value: (-4 / temperature) * gate * advantage,
        byRatio: -4 * gate * (1 - gate) * advantage,
        byLogprob: 0,
      }
    }
  },
  weight: grpo.weight,
  metrics: () => ({}),
}
