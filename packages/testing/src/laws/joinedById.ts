import * as fc from "fast-check"
import type { Reward } from "hmx"
import { asked, completionOf } from "../arbitrary/completion.ts"
import { mix } from "../_internals/hash.ts"
import { type Property, said } from "../_internals/Property.ts"
import { score } from "../_internals/score.ts"
import { inWorld, still } from "../_internals/world.ts"

type Groups = ReadonlyArray<ReadonlyArray<Reward.Completion>>

/** Answers of all groups as a step may hand them over: prompt by prompt, backwards, or mingled. */
const mingled = (groups: Groups, seed: number): ReadonlyArray<Reward.Completion> => {
  const all = groups.flat()
  if (seed % 3 === 0) return groups.toReversed().flat()
  const keyed = all.map((completion, i) => ({ completion, key: mix(seed, i) }))
  return keyed.toSorted((a, b) => a.key - b.key).map(({ completion }) => completion)
}

/**
 * A verdict belongs to its prompt: answers of several prompts, handed over in another order or mingled, get what each gets when its
 * prompt is asked alone. What is joined by position (the n-th reference for the n-th prompt) does not.
 */
export const joinedById: Property<readonly [Groups, seed: number]> = {
  cases: (subject) =>
    fc.tuple(
      fc
        .uniqueArray(asked(subject), { selector: ({ id }) => id, minLength: 1, maxLength: 3 })
        .chain((prompts) =>
          fc.tuple(...prompts.map((prompt) => fc.array(completionOf(prompt), { minLength: 1, maxLength: 2 }))),
        ),
      fc.nat(),
    ),
  breach: ({ judge, reward }, [groups, seed]) =>
    inWorld(still, () => {
      const alone = new Map<Reward.Completion, string>()
      for (const group of groups)
        for (const [i, verdict] of score(reward, group, judge).entries()) {
          const completion = group[i]
          if (completion !== undefined) alone.set(completion, said(verdict))
        }
      const order = mingled(groups, seed)
      const together = score(reward, order, judge)
      const moved = order.flatMap((completion, i) => {
        const [before, after] = [alone.get(completion), said(together[i])]
        if (before === undefined || before === after) return []
        return [
          { completion, given: { "its prompt by itself": before, [`at place ${i + 1} of several prompts`]: after } },
        ]
      })
      return moved.length === 0
        ? undefined
        : { what: "an answer was given another verdict among answers to other prompts", answers: moved.slice(0, 2) }
    }),
}
