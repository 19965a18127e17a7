import { whole } from "../checks.ts"
import { make, type Plain } from "../Reward.ts"
import { words } from "./text.ts"

/**
 * 1 without a repeated n-gram of words, falling evenly to 0 at `most` of them. It counts repetitions and does not divide by length: a
 * share, as distinct-n is (Li and others 2016), rises with any filler that is new.
 */
export const repetition = (given: { readonly n?: number; readonly most?: number } = {}): Plain<"repetition"> => {
  const options = { n: given.n ?? 3, most: given.most ?? 8 }
  whole("n", options.n, 1)
  whole("most", options.most, 1)
  return make("repetition", {
    version: 1,
    options,
    laws: { falls: ["tokens"] },
    score: ({ text }, { most, n }) => {
      const all = words(text)
      const seen = new Set<string>()
      let grams = 0
      for (let i = 0; i + n <= all.length; i++, grams++) seen.add(all.slice(i, i + n).join(" "))
      return Math.max(0, 1 - (grams - seen.size) / most)
    },
  })
}
