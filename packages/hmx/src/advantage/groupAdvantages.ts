/** Advantages within a group (GRPO, arXiv 2402.03300, §4.1.2; TRL's `scale_rewards`). */
import { statistics } from "./statistics.ts"

/** What an advantage is divided by: its group's standard deviation, the whole step's, or nothing (Dr. GRPO, arXiv 2503.20783). */
export type Scale = "group" | "batch" | "none"

export interface GroupAdvantages {
  /** One a reward; `null` where the reward is. */
  readonly values: ReadonlyArray<number | null>
  readonly mean: number
  /** Bessel-corrected, of the rewards. */
  readonly std: number
}

/**
 * (r − mean) / (std + stdEpsilon) for "group", r − mean for "none". Unscored rewards (`null`) leave mean and std. A group without
 * spread, or with one scored reward, has advantages of 0. "batch" needs all groups: `batchAdvantages`.
 */
export const groupAdvantages = (
  rewards: ReadonlyArray<number | null>,
  options: { readonly scale: Exclude<Scale, "batch">; readonly stdEpsilon: number },
): GroupAdvantages => {
  const { mean, std } = statistics(rewards)
  const divisor = options.scale === "group" ? std + options.stdEpsilon : 1
  return {
    values: rewards.map((r) => (r === null ? null : std === 0 ? 0 : Math.fround(Math.fround(r) - mean) / divisor)),
    mean,
    std,
  }
}
