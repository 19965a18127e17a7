import type { Reward } from "hmx"
import { LawBroken, type LawName, rewardLaws, type RewardLawsOptions } from "./rewardLaws.ts"

/** What became of a law that was tried. */
export interface Outcome {
  readonly law: LawName
  /** "exempt": it broke, and was said to; "not tried": it was said that it may. */
  readonly outcome: "kept" | "broken" | "exempt" | "not tried"
  /** Why it need not hold, or what broke. */
  readonly said: string
}

/** Tries every law of a reward in turn; after "cheap" broke, one that may not end is tried no further. */
export const tryLaws = (reward: Reward.Reward, options: RewardLawsOptions = {}): ReadonlyArray<Outcome> => {
  const found: Array<Outcome> = []
  for (const { excused, exempt, law, run } of rewardLaws(reward, options)) {
    try {
      run()
      const outcome = excused === undefined ? (exempt === undefined ? "kept" : "exempt") : "not tried"
      found.push({ law, outcome, said: excused ?? exempt ?? "" })
    } catch (error) {
      if (!(error instanceof LawBroken)) throw error
      found.push({ law: error.law, outcome: "broken", said: error.message })
      if (error.law === "cheap") break
    }
  }
  return found
}

/** Every law that broke, each as its error. */
export const brokenLaws = (reward: Reward.Reward, options: RewardLawsOptions = {}): ReadonlyArray<LawBroken> =>
  tryLaws(reward, options).flatMap(({ law, outcome, said }) =>
    outcome === "broken" ? [new LawBroken(reward.name, law, said)] : [],
  )

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
  const broken = brokenLaws(reward, options)
  const [first, ...others] = broken
  if (first === undefined) return
  if (others.length === 0) throw first
  throw new AggregateError(broken, broken.map((error) => error.message).join("\n"))
}
