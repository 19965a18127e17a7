import * as fc from "fast-check"
import type { Reward } from "hmx"
import { completion } from "../arbitrary/completion.ts"
import { TINY, withText } from "../_internals/grown.ts"
import type { Property } from "../_internals/Property.ts"
import { earned } from "../_internals/score.ts"
import { inWorld, still } from "../_internals/world.ts"

/** What is added, and which way the score may not go. */
interface Step {
  readonly way: "rises" | "falls"
  readonly growth: Reward.Growth
  readonly times: number
  readonly first: boolean
}

/** Words that go on without a new thought; all of them are frequent, so that a reward for rare ones is not tried on them. */
const GO_ON = "and so it goes on and on"

const added = (c: Reward.Completion, { first, growth, times }: Step): Reward.Completion => {
  const more = Array.from({ length: times }, () => (growth === "tokens" ? GO_ON : growth.text)).join(" ")
  return withText(c, first && growth !== "tokens" ? `${more} ${c.text}` : `${c.text} ${more}`)
}

/** What was declared: with more of that in it, an answer never gets less (rises), or never gets more (falls). */
export const monotone = (laws: Reward.Laws): Property<readonly [Reward.Completion, Step]> => ({
  cases: (subject) =>
    fc.tuple(
      completion(subject),
      fc
        .record({
          which: fc.constantFrom(
            ...(laws.rises ?? []).map((growth) => ({ way: "rises" as const, growth })),
            ...(laws.falls ?? []).map((growth) => ({ way: "falls" as const, growth })),
          ),
          times: fc.integer({ min: 1, max: 6 }),
          first: fc.boolean(),
        })
        .map(({ first, times, which }) => ({ ...which, first, times })),
    ),
  breach: ({ judge, reward }, [before, step]) =>
    inWorld(still, () => {
      const after = added(before, step)
      const [a, b] = [earned(reward, before, judge), earned(reward, after, judge)]
      if (a === undefined || b === undefined) return undefined
      if (step.way === "rises" ? b >= a - TINY : b <= a + TINY) return undefined
      const name = step.growth === "tokens" ? "tokens" : JSON.stringify(step.growth.text)
      return {
        what: `it is declared that it ${step.way} with ${name}, and with more of it the score went from ${a} to ${b}`,
        answers: [
          { completion: before, given: { score: `${a}` } },
          { completion: after, given: { score: `${b}` } },
        ],
      }
    }),
})
