import type { Reward, Task } from "hmx"
import type { SampleOptions } from "./answers.ts"
import { clausesOf, type Label } from "./clauses.ts"
import { counted } from "./counted.ts"
import { distinctN } from "./guards/textGuards.ts"

/** Several counts look at one answer, one after another. */
let last = { text: "", labels: clausesOf("") }
const labelsOf = (text: string): ReadonlyArray<Label> => {
  if (text !== last.text) last = { text, labels: clausesOf(text) }
  return last.labels
}

const count =
  (...labels: ReadonlyArray<Label>) =>
  ({ text }: Reward.Completion): number =>
    labelsOf(text).filter((label) => labels.includes(label)).length

/**
 * Clauses an answer in which the speaker feels, intends or knows itself, counted by the templates of nano's own corpus; the judge has
 * no part in it. Beside them stand guards against an answer that only games a judge: its length in tokens, distinct-2, and the share
 * of answers that end by themselves. For nano's language: another model's sentences are not in the templates.
 */
export const humanLikeWords = (options: SampleOptions = {}): Task.Task<"benchmark"> =>
  counted("human_like_words", {
    version: 2,
    counts: {
      clauses: count("F", "I", "S"),
      feelings: count("F"),
      intentions: count("I"),
      self_awareness: count("S"),
      denials: count("R"),
      tokens: ({ tokens }) => tokens,
      distinct_2: ({ text }) => distinctN(text, 2),
      finished: ({ finish }) => (finish === "stop" ? 1 : 0),
    },
    ...options,
  })
