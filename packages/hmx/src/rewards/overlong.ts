import { whole } from "../checks.ts"
import { make, type Plain } from "../Reward.ts"

/**
 * DAPO's soft overlong punishment (Yu and others 2025, equation 13): 0 up to `maxTokens − buffer` tokens, then falling evenly to −1 at
 * `maxTokens`. Weigh it beside another reward, so that length costs something before the limit cuts the answer off.
 */
export const overlong = (options: { readonly maxTokens: number; readonly buffer: number }): Plain<"overlong"> => {
  whole("buffer", options.buffer, 1)
  whole("maxTokens", options.maxTokens, options.buffer + 1)
  return make("overlong", {
    version: 1,
    range: { min: -1, max: 0 },
    options,
    laws: { falls: ["tokens"] },
    score: ({ tokens }, { buffer, maxTokens }) => Math.max(-1, Math.min(0, (maxTokens - buffer - tokens) / buffer)),
  })
}
