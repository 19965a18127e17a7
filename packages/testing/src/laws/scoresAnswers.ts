import * as fc from "fast-check"
import type { Reward } from "hmx"
import { completion } from "../arbitrary/completion.ts"
import type { Property } from "../_internals/Property.ts"
import { score } from "../_internals/score.ts"
import { inWorld, still } from "../_internals/world.ts"

/** Some answer in a hundred gets a score: of a reward that scores none, the other laws would hold without meaning. */
export const scoresAnswers: Property<ReadonlyArray<Reward.Completion>> = {
  // Nothing is smaller than "none of them".
  cases: (subject) => fc.noShrink(fc.array(completion(subject), { minLength: 100, maxLength: 100 })),
  breach: ({ reward, judge }, completions) =>
    inWorld(still, () => {
      const verdicts = completions.map((c) => score(reward, [c], judge)[0])
      const [first] = completions
      if (first === undefined || verdicts.some((v) => v?._tag === "Scored")) return undefined
      const hint = "where it knows its prompts by id, give them as { prompts }"
      const given = { "one of them": verdicts[0]?._tag === "Unscored" ? verdicts[0].reason : "nothing" }
      return {
        what: `none of ${completions.length} answers was scored; ${hint}`,
        answers: [{ completion: first, given }],
      }
    }),
}
