import { make, type Plain } from "../Reward.ts"
import { oneBlank, ownText } from "./text.ts"

/**
 * The share of `texts` that the answer holds, each counted once; with `any`, 1 where it holds one of them. What an answer quotes of
 * its question does not count; a run of white space counts as one blank, and case where `matchCase` says so.
 */
export const contains = (
  texts: ReadonlyArray<string>,
  given: { readonly any?: boolean; readonly matchCase?: boolean } = {},
): Plain<"contains"> => {
  if (texts.length === 0 || texts.includes("")) throw new RangeError("contains needs texts that are not empty")
  const named = "a text that holds the wanted ones is what it pays for, wherever it comes from"
  return make("contains", {
    version: 1,
    options: { texts, any: given.any ?? false, matchCase: given.matchCase ?? false },
    laws: {
      mayBreak: {
        "not raised by quoting the rubric": named,
        "not raised by whitespace": named,
        "not raised by padding": named,
        "not raised by repetition": "where two copies meet, a wanted text may stand across the seam",
        "not raised by naming a score": named,
      },
      rises: texts.map((text) => ({ text })),
    },
    score: (c, { any, matchCase, texts }) => {
      const fold = (text: string) => (matchCase ? text : text.toLowerCase())
      const own = fold(ownText(c))
      const held = texts.filter((text) => own.includes(fold(oneBlank(text)))).length
      return any ? Math.min(1, held) : held / texts.length
    },
  })
}
