/** What TRL logs of a batch's rewards. */
import type { Scale } from "./groupAdvantages.ts"
import { pooled, type Statistics } from "./statistics.ts"

/**
 * `reward` and `reward_std` over all scored rewards of the batch; `frac_reward_zero_std` is the share of groups without spread, or with
 * the scale "batch" 1 or 0 for the whole batch.
 */
export const rewardMetrics = (groups: ReadonlyArray<Statistics>, scale: Scale) => {
  const { mean, std } = pooled(groups)
  const flat = scale === "batch" ? Number(isZero(std)) : groups.filter((g) => isZero(g.std)).length / groups.length
  return { reward: mean, reward_std: std, frac_reward_zero_std: flat }
}

/** `torch.isclose(std, 0)` with its default tolerance. */
const isZero = (std: number): boolean => std <= 1e-8
