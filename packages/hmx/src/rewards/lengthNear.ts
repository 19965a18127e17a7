import { whole } from "../checks.ts"
import { make, type Plain } from "../Reward.ts"

const longer = "an answer shorter than its target is paid for getting longer, whatever it gets longer by"

/**
 * 1 for an answer of `tokens` tokens, falling evenly to 0 at a distance of `within`. Any filler brings a short answer nearer to its
 * target: where only too long is wrong, take `overlong`.
 */
export const lengthNear = (options: { readonly tokens: number; readonly within: number }): Plain<"length near"> => {
  whole("tokens", options.tokens, 1)
  whole("within", options.within, 1)
  return make("length near", {
    version: 1,
    options,
    laws: {
      mayBreak: {
        "not raised by whitespace": longer,
        "not raised by padding": longer,
        "not raised by repetition": longer,
        "not raised by quoting the question": longer,
        "not raised by quoting the rubric": longer,
        "not raised by naming a score": longer,
      },
    },
    score: (c, { tokens, within }) => Math.max(0, 1 - Math.abs(c.tokens - tokens) / within),
  })
}
