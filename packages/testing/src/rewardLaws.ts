import * as fc from "fast-check"
import type { Reward } from "hmx"
import type { Asked } from "./arbitrary/completion.ts"
import { print } from "./_internals/print.ts"
import type { Breach, Property, Subject } from "./_internals/Property.ts"
import { deterministic } from "./laws/deterministic.ts"
import { finite } from "./laws/finite.ts"
import { independentOfGroup } from "./laws/independentOfGroup.ts"
import { independentOfOrder } from "./laws/independentOfOrder.ts"
import { scoresAnswers } from "./laws/scoresAnswers.ts"
import { withinRange } from "./laws/withinRange.ts"
import type { Choice } from "./ScriptedModel.ts"

/** What holds of a reward that can be trained on. */
export type LawName =
  | "finite"
  | "within its declared range"
  | "deterministic"
  | "independent of order"
  | "independent of the group"
  | "scores some answers"

/** Options of {@link rewardLaws} and `checkReward`. */
export interface RewardLawsOptions {
  /** Cases a law. Default 1,000; 250 where a judge reads. */
  readonly cases?: number
  /** Of the cases: the same seed, the same cases. Default 1. */
  readonly seed?: number
  /**
   * Laws that this reward does not keep, each with the reason why that is right. A law named here that holds all the same is an
   * error: exemptions do not outlive their reason.
   */
  readonly breaks?: { readonly [L in LawName]?: string }
  /** Prompts to try it on, for a reward that knows its prompts. Default: questions of all sorts. */
  readonly prompts?: ReadonlyArray<Asked>
  /** How a rubric's judge reads: natural log-probability of a continuation. Default: one that changes its mind at any letter. */
  readonly judge?: (choice: Choice) => number
}

/** One law of one reward. */
export interface Law {
  readonly law: LawName
  /** Tries it. Throws a {@link LawBroken} with the smallest case found. */
  readonly run: () => void
}

/** A reward broke a law, or kept one that it was exempt from. The message says which, and shows the answer. */
export class LawBroken extends Error {
  override readonly name = "LawBroken"
  readonly reward: string
  readonly law: LawName
  constructor(reward: string, law: LawName, message: string) {
    super(message)
    this.reward = reward
    this.law = law
  }
}

/** Carries a breach out of fast-check, which keeps the error of the smallest case. */
class Broke extends Error {
  readonly breach: Breach
  constructor(breach: Breach) {
    super(breach.what)
    this.breach = breach
  }
}

const search = <Case>(
  property: Property<Case>,
  subject: Subject,
  seed: number,
  numRuns: number,
): Breach | undefined => {
  const result = fc.check(
    fc.property(property.cases(subject), (found) => {
      const breach = property.breach(subject, found)
      if (breach !== undefined) throw new Broke(breach)
    }),
    { seed, numRuns },
  )
  if (!result.failed) return undefined
  if (result.errorInstance instanceof Broke) return result.errorInstance.breach
  throw result.errorInstance
}

const readByJudge = (reward: Reward.Reward): boolean =>
  reward.kind === "rubric" || (reward.kind === "mix" && reward.parts.some((part) => readByJudge(part.reward)))

/**
 * The laws of a reward, as values, for a test runner that wants a test each.
 *
 * **When to use**
 *
 * In a test file, to see each law by name; `checkReward` is the same in one line.
 *
 * **Gotchas**
 *
 * Cases are drawn from a fixed seed, so that a test says the same every time; give another `seed` to look further. While a law is
 * tried, the clock stands still and `Math.random` is scripted.
 *
 * @example
 * import { Reward } from "hmx"
 * import { rewardLaws } from "@hmx/testing"
 * import { it } from "vitest"
 *
 * const brevity = Reward.make("brevity", { version: 1, score: (c) => 1 / c.tokens })
 *
 * for (const { law, run } of rewardLaws(brevity)) it(`brevity: ${law}`, run)
 */
export const rewardLaws = (reward: Reward.Reward, options: RewardLawsOptions = {}): ReadonlyArray<Law> => {
  const { cases = readByJudge(reward) ? 250 : 1000, seed = 1, breaks = {}, prompts = [], judge } = options
  const subject: Subject = { reward, prompts, judge }
  const law = <Case>(name: LawName, property: Property<Case>, runs = cases): Law => ({
    law: name,
    run: () => {
      const reason = breaks[name]
      const fail = (message: string): never => {
        throw new LawBroken(reward.name, name, message)
      }
      if (reason !== undefined && reason.trim() === "") fail(`${reward.name}: say why it need not be ${name}`)
      const breach = search(property, subject, seed, runs)
      if (reason !== undefined && breach === undefined) {
        fail(`${reward.name} is exempt from “${name}” (${reason}), and keeps it: take the exemption out`)
      }
      if (reason === undefined && breach !== undefined) {
        fail(`${reward.name} breaks the law “${name}”: ${breach.what}\n${print(breach)}\n`)
      }
    },
  })
  return [
    // First, while a reward that remembers the longest, or the first, has met none: later its state may have settled.
    law("deterministic", deterministic),
    law("finite", finite),
    law("within its declared range", withinRange),
    law("independent of order", independentOfOrder),
    law("independent of the group", independentOfGroup),
    law("scores some answers", scoresAnswers, 1),
  ]
}
