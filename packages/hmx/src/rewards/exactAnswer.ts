import { make, type Plain } from "../Reward.ts"
import { checkReferences, normalised, type References, referencesOf } from "./text.ts"

/**
 * Exact match (SQuAD's, with its normalisation): 1 where the answer is one of the prompt's references, else 0; no verdict for a prompt
 * without a reference. With `after` (GSM8K's "####"), what stands on the line behind its last occurrence is the answer, and an answer
 * without it is wrong.
 */
export const exactAnswer = (references: References, given: { readonly after?: string } = {}): Plain<"exact answer"> => {
  checkReferences("exactAnswer", references)
  if (given.after === "") throw new RangeError("after must not be empty")
  const told = "a text that holds the right answer at the right place is right, wherever it comes from"
  return make("exact answer", {
    version: 1,
    options: { references, after: given.after ?? null },
    laws: {
      ids: Object.keys(references),
      mayBreak: {
        "not raised by whitespace": "with a marker, the line ends the answer, and a new one may end it early",
        "not raised by quoting the question": told,
        "not raised by quoting the rubric": told,
        "not raised by repetition": told,
        "not raised by naming a score": told,
      },
    },
    score: ({ id, text }, { after, references }) => {
      const right = referencesOf(references, id).map(normalised)
      if (right.length === 0) return undefined
      const said = normalised(answerOf(text, after))
      return said !== "" && right.includes(said) ? 1 : 0
    },
  })
}

const answerOf = (text: string, after: string | null): string => {
  if (after === null) return text
  const at = text.lastIndexOf(after)
  return at === -1
    ? ""
    : (text
        .slice(at + after.length)
        .trimStart()
        .split("\n", 1)[0] ?? "")
}
