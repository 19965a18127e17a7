/** Answers with something added, and the law that adding it earns nothing. */
import * as fc from "fast-check"
import type { Reward } from "hmx"
import { completion } from "../arbitrary/completion.ts"
import type { Property, Subject } from "./Property.ts"
import { earned } from "./score.ts"
import { inWorld, still } from "./world.ts"

/** The answer with another text, and as many more tokens as go with it. */
export const withText = (c: Reward.Completion, text: string): Reward.Completion =>
  Object.freeze({ ...c, text, tokens: Math.max(1, c.tokens + Math.ceil((text.length - c.text.length) / 4)) })

/** Less than this is rounding. */
export const TINY = 1e-9

/** How an answer is changed, as a text by its own text and question. */
export type Change = (c: Reward.Completion) => string

/** A change of an answer that must not raise its score. `how` says in the message what was done. */
export const notRaised = <Given>(
  how: string,
  given: (subject: Subject) => fc.Arbitrary<Given>,
  change: (c: Reward.Completion, given: Given) => string,
): Property<readonly [Reward.Completion, Given]> => ({
  cases: (subject) => fc.tuple(completion(subject), given(subject)),
  breach: ({ judge, reward }, [before, what]) =>
    inWorld(still, () => {
      const after = withText(before, change(before, what))
      const [low, high] = [earned(reward, before, judge), earned(reward, after, judge)]
      if (low === undefined || high === undefined || high <= low + TINY) return undefined
      return {
        what: `${how} raised an answer from ${low} to ${high}`,
        answers: [
          { completion: before, given: { score: `${low}` } },
          { completion: after, given: { score: `${high}` } },
        ],
      }
    }),
})

/** Where something is put. */
export const places = ["after", "before", "on both sides"] as const
export type Place = (typeof places)[number]

export const put = (text: string, what: string, place: Place): string => {
  if (place === "after") return text + what
  return place === "before" ? what + text : what + text + what
}
