import { make, type Plain } from "../Reward.ts"
import { checkReferences, counts, type References, referencesOf } from "./text.ts"

/** Longest n-gram and weight of recall, as Popović (2015) and sacreBLEU have them. */
const ORDER = 6
const BETA = 2

const shared = "characters in common with a reference are what it pays for, wherever they come from"

/**
 * chrF (Popović 2015, as sacreBLEU's chrF2 computes it, on a scale of 0 to 1): F-score of character n-grams of 1 to 6 characters
 * without white space, recall weighed twice; the best of a prompt's references. No verdict for a prompt without one. For languages
 * without blanks between words as well, where `tokenF1` says little.
 */
export const chrF = (references: References): Plain<"chrF"> => {
  checkReferences("chrF", references)
  return make("chrF", {
    version: 1,
    options: { references },
    laws: {
      ids: Object.keys(references),
      mayBreak: {
        "not raised by whitespace": "invisible characters are characters",
        "not raised by padding": shared,
        "not raised by repetition": shared,
        "not raised by quoting the question": shared,
        "not raised by quoting the rubric": shared,
        "not raised by naming a score": shared,
      },
    },
    score: ({ id, text }, { references }) => {
      const all = referencesOf(references, id)
      return all.length === 0 ? undefined : Math.max(...all.map((reference) => fScore(text, reference)))
    },
  })
}

/** Where each character of a text begins, and where the last one ends. */
const starts = (text: string): ReadonlyArray<number> => {
  const found = [0]
  for (const point of text) found.push((found.at(-1) ?? 0) + point.length)
  return found
}

/** n-grams of n characters, in their order. */
function* grams(text: string, at: ReadonlyArray<number>, n: number): Generator<string> {
  for (let i = 0; i + n < at.length; i++) yield text.slice(at[i], at[i + n])
}

/** How many of the wanted n-grams stand in a text, each as often as it is wanted at most. */
const held = (found: Iterable<string>, wanted: ReadonlyMap<string, number>): number => {
  const left = new Map(wanted)
  let both = 0
  for (const gram of found) {
    const n = left.get(gram) ?? 0
    if (n === 0) continue
    left.set(gram, n - 1)
    both++
  }
  return both
}

/** Precision and recall averaged over the orders that both texts are long enough for. */
const fScore = (said: string, right: string): number => {
  const [a, b] = [said.replaceAll(/\s+/g, ""), right.replaceAll(/\s+/g, "")]
  const [atA, atB] = [starts(a), starts(b)]
  let precision = 0
  let recall = 0
  let orders = 0
  for (let n = 1; n <= ORDER; n++) {
    const [found, wanted] = [atA.length - n, atB.length - n]
    if (found < 1 || wanted < 1) break
    const both = held(grams(a, atA, n), counts(grams(b, atB, n)))
    precision += both / found
    recall += both / wanted
    orders++
  }
  if (precision + recall === 0) return 0
  const [p, r] = [precision / orders, recall / orders]
  return ((1 + BETA ** 2) * p * r) / (BETA ** 2 * p + r)
}
