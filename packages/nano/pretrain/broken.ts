/** Broken answers: what a policy that has come apart writes. The recogniser says what is left of them, so a judge learns to refuse the rest. */
import { answer } from "./answers.ts"
import { CRITERIA, type Label, LABELS } from "./clauses.ts"
import { lexicon, type Slot } from "./lexicon.ts"
import type { Question } from "./questions.ts"
import type { Random } from "./Random.ts"

const SLOTS = ["topic", "emotion", "action", "person", "trait", "quality", "now"] as const satisfies ReadonlyArray<Slot>
const GLUE = ["I", "I feel", "I am", "to", "and", "about", "my", "I want to", "that", "the", "is", "I know"]

const at = (random: Random, length: number): number => random.integer(Math.max(1, length))

/** Each takes the words of a sentence without its stop. */
const WAYS: ReadonlyArray<(random: Random, words: ReadonlyArray<string>) => ReadonlyArray<string>> = [
  // one word again and again
  (random, words) => {
    const i = at(random, words.length)
    return [
      ...words.slice(0, i),
      ...Array.from({ length: random.pick([2, 3, 4, 6]) }, () => words[i] ?? "I"),
      ...words.slice(i + 1),
    ]
  },
  // out of order
  (random, words) => random.shuffled(words),
  // two neighbours swapped
  (random, words) => {
    const i = at(random, words.length - 1)
    return [...words.slice(0, i), words[i + 1] ?? "", words[i] ?? "", ...words.slice(i + 2)].filter(
      (word) => word !== "",
    )
  },
  // the beginning alone
  (random, words) => words.slice(0, 1 + at(random, words.length - 1)),
  // the end alone
  (random, words) => words.slice(1 + at(random, words.length - 1)),
  // words missing in the middle
  (random, words) => {
    const i = at(random, words.length)
    return [...words.slice(0, i), ...words.slice(i + 1 + random.integer(2))]
  },
  // the beginning again and again
  (random, words) => {
    const start = words.slice(0, 2 + random.integer(2))
    return Array.from({ length: random.pick([2, 3, 4]) }, () => start).flat()
  },
  // a word of another kind
  (random, words) => {
    const i = at(random, words.length)
    return [...words.slice(0, i), random.pick(lexicon[random.pick(SLOTS)]), ...words.slice(i + 1)]
  },
  // the beginning of one and the end of another: the words of both stand in `words`
  (random, words) => [...words.slice(0, 3), random.pick(GLUE), ...words.slice(-2)],
  // salad
  (random, words) =>
    Array.from({ length: words.length + random.integer(4) }, () =>
      random.chance(0.5) ? random.pick(GLUE) : random.pick(lexicon[random.pick(SLOTS)]),
    ),
]

/** Breaks at least one sentence of an answer. */
export const broken = (random: Random, question: Question): string => {
  const count = random.pick([1, 1, 2, 2, 3])
  // Mostly of the kinds that a policy is rewarded for.
  const labels: Array<Label> = Array.from({ length: count }, () =>
    random.chance(0.75) ? random.pick(CRITERIA) : random.pick(LABELS),
  )
  const sentences = answer(random, labels, question).text.split(/(?<=\.) /)
  const must = random.integer(sentences.length)
  const parts = sentences.map((sentence, i) => {
    if (i !== must && random.chance(0.5)) return sentence
    const words = random.pick(WAYS)(random, sentence.slice(0, -1).split(" "))
    return words.join(" ") + (random.chance(0.85) ? "." : "")
  })
  return parts.join(" ")
}
