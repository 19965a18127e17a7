import { make, type Plain } from "../Reward.ts"

/** Flags that mean something for a test of the whole text; "g" and "y" remember where they were. */
const FLAGS = /^[imsu]*$/

/**
 * 1 where the answer matches, else 0. Throws a SyntaxError where the pattern is
 * none. A pattern with nested repetitions can take time beyond all bounds: the law "cheap" finds those.
 */
export const regex = (pattern: RegExp): Plain<"regex"> => {
  const { flags, source } = pattern
  if (!FLAGS.test(flags)) throw new RangeError(`regex takes the flags i, m, s and u, not ${flags}`)
  const asked = "what matches is what it pays for, wherever it comes from"
  return make("regex", {
    version: 1,
    options: { source, flags },
    laws: {
      mayBreak: {
        "not raised by whitespace": asked,
        "not raised by padding": asked,
        "not raised by repetition": asked,
        "not raised by quoting the question": asked,
        "not raised by quoting the rubric": asked,
        "not raised by naming a score": asked,
      },
    },
    score: (c, options) => (new RegExp(options.source, options.flags).test(c.text) ? 1 : 0),
  })
}
