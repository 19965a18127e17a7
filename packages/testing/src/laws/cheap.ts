import type { Reward } from "hmx"
import { limited } from "../_internals/limited.ts"
import type { Breach, Subject } from "../_internals/Property.ts"
import { plainParts, raw } from "../_internals/score.ts"
import { inWorld, still } from "../_internals/world.ts"

/** What regular expressions and loops over loops are slow on: one thing again and again, with and without another end. */
const UNITS = ["a", " ", "a ", "no ", "\n", "0", "(", "🙂", "I feel glad. ", '"a":1,', "<b>", "=x", ".", "aB1-"]
const LENGTHS = [64, 1024, 8192, 65_536]

/** Milliseconds of one processor that an answer of so many characters may take: a constant, and 5 µs a character. */
export const allowed = (characters: number): number => 20 + 0.005 * characters

/** How often a breach is measured before it is believed: the first call compiles, and another process may be in the way. */
const TRIES = 3

/** Milliseconds that it takes at least; `limit` or more where it was cut. */
const taken = (part: Reward.Plain, completion: Reward.Completion, limit: number): number => {
  let least = Number.POSITIVE_INFINITY
  let wall = 4 * limit
  for (let i = 0; i < TRIES && least > limit; i++) {
    const found = limited(wall, () => inWorld(still, () => raw(part, completion)))
    // One that was cut while it hardly had the processor says nothing: it gets more time.
    if ("cut" in found && found.millis < limit) {
      wall *= 4
      continue
    }
    least = Math.min(least, found.millis)
    if ("cut" in found) break
  }
  return least === Number.POSITIVE_INFINITY ? 0 : least
}

/**
 * Work is bounded by the answer's length: of repeated texts of up to 65,536 characters none takes longer than {@link allowed}. A
 * regular expression that backtracks without end, and a loop over all pairs, are found at the shortest length that shows them.
 */
export const cheap = ({ prompts = [], reward }: Subject): Breach | undefined => {
  const prompt = prompts[0] ?? { id: "q-1", question: "Are you happy today?" }
  for (const length of LENGTHS)
    for (const unit of UNITS)
      for (const end of ["", "!"])
        for (const part of plainParts(reward)) {
          const text = unit.repeat(Math.floor((length - end.length) / unit.length)) + end
          const completion = Object.freeze({ ...prompt, text, finish: "stop", tokens: Math.ceil(length / 4) })
          const limit = allowed(length)
          if (taken(part, completion, limit) > limit)
            return {
              what: `${part.name} took more than the ${Math.round(limit)} ms of processor time that ${length} characters may take`,
              answers: [{ completion, given: {} }],
            }
        }
  return undefined
}
