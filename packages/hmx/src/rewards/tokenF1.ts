import { make, type Plain } from "../Reward.ts"
import { checkReferences, counts, normalised, overlap, type References, referencesOf } from "./text.ts"

const shared = "words of a reference are what it pays for, wherever they come from"

/**
 * SQuAD's F1: harmonic mean of precision and recall over the words that answer and reference share after normalisation, the best of a
 * prompt's references; no verdict for a prompt without one.
 */
export const tokenF1 = (references: References): Plain<"token F1"> => {
  checkReferences("tokenF1", references)
  return make("token F1", {
    version: 1,
    options: { references },
    laws: {
      ids: Object.keys(references),
      mayBreak: {
        "not raised by padding": shared,
        "not raised by repetition": shared,
        "not raised by quoting the question": shared,
        "not raised by quoting the rubric": shared,
        "not raised by naming a score": shared,
      },
    },
    score: ({ id, text }, { references }) => {
      const all = referencesOf(references, id)
      if (all.length === 0) return undefined
      const said = bag(text)
      return Math.max(...all.map((reference) => f1(said, bag(reference))))
    },
  })
}

interface Bag {
  readonly of: ReadonlyMap<string, number>
  readonly size: number
}

const bag = (text: string): Bag => {
  const all = normalised(text)
    .split(" ")
    .filter((word) => word !== "")
  return { of: counts(all), size: all.length }
}

const f1 = (said: Bag, right: Bag): number => {
  const both = overlap(right.of, said.of)
  return both === 0 ? 0 : (2 * both) / (said.size + right.size)
}
