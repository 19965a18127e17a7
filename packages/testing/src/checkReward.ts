import type { Reward } from "hmx"
import { LawBroken, rewardLaws, type RewardLawsOptions } from "./rewardLaws.ts"

/**
 * Tries all laws of a reward, be it a function, a rubric or a mix, and throws one error that shows every law that broke with the
 * smallest answer that was found for it.
 *
 * A rubric is read by a scripted judge: what is tested is the way from an answer to a verdict, not a judge's taste.
 *
 * @example
 * import { Reward } from "hmx"
 * import { checkReward } from "@hmx/testing"
 * import { test } from "vitest"
 *
 * const brevity = Reward.make("brevity", { version: 1, score: (c) => 1 / c.tokens })
 *
 * test("brevity keeps the laws", () => checkReward(brevity))
 */
export const checkReward = (reward: Reward.Reward, options: RewardLawsOptions = {}): void => {
  const broken = rewardLaws(reward, options).flatMap(({ run }) => {
    try {
      run()
      return []
    } catch (error) {
      if (error instanceof LawBroken) return [error]
      throw error
    }
  })
  const [first, ...others] = broken
  if (first === undefined) return
  if (others.length === 0) throw first
  throw new AggregateError(broken, broken.map((error) => error.message).join("\n"))
}
