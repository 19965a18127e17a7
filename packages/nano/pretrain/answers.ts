/** Answers to questions, as sentences of clauses. */
import { clauses, CONNECTIVES, type Label, LABELS, CRITERIA } from "./clauses.ts"
import { type Question, questions } from "./questions.ts"
import { lexicon, type Slot } from "./lexicon.ts"
import { digest, type Random } from "./Random.ts"
import { capitalised, fill, slotsOf, type Template } from "./Template.ts"

/** Pairs of template and word that are kept out of training, so that a judge can be measured on sentences it never saw. */
const unseen = (template: Template, word: string): boolean => digest(`${template} ${word}`) % 12 === 0

export interface Clause {
  readonly text: string
  /** Holds a pair that training text never has. */
  readonly unseen: boolean
}

/** A clause of the label that suits the question. `split`: "train" avoids the pairs kept out, "held-out" seeks them. */
export const clause = (
  random: Random,
  label: Label,
  question: Question | undefined,
  split: "train" | "held-out",
): Clause => {
  const named = question?.fillers ?? {}
  const suits = question === undefined ? [] : questions[question.kind].suits
  const template = random.weighted(clauses[label], (candidate) => {
    const slots = slotsOf(candidate)
    return (
      1 +
      (slots.some((slot) => named[slot] !== undefined) ? 14 : 0) +
      (slots.some((slot) => suits.includes(slot)) ? 4 : 0)
    )
  })
  let any = false
  const used = new Set<string>()
  const choose = (slot: Slot): string => {
    const asked = named[slot]
    let word: string
    if (
      asked !== undefined &&
      !used.has(asked) &&
      random.chance(0.92) &&
      !(split === "train" && unseen(template, asked))
    )
      word = asked
    else {
      // Of the allowed words; none twice in one clause.
      const free = lexicon[slot].filter((w) => !used.has(w))
      const allowed = free.filter((w) => unseen(template, w) === (split === "held-out"))
      word = random.pick(allowed.length > 0 ? allowed : free)
    }
    used.add(word)
    if (unseen(template, word)) any = true
    return word
  }
  return { text: fill(template, choose), unseen: any }
}

export interface Answer {
  readonly text: string
  readonly unseen: boolean
}

/** One sentence a clause, or now and then two joined. */
export const answer = (
  random: Random,
  labels: ReadonlyArray<Label>,
  question: Question | undefined,
  split: "train" | "held-out" = "train",
): Answer => {
  const sentences: Array<string> = []
  let open: string | undefined
  let any = false
  for (const label of labels) {
    const next = clause(random, label, question, split)
    any ||= next.unseen
    if (open !== undefined) {
      sentences.push(`${capitalised(open + random.pick(CONNECTIVES) + next.text)}.`)
      open = undefined
    } else if (random.chance(0.25)) open = next.text
    else sentences.push(`${capitalised(next.text)}.`)
  }
  if (open !== undefined) sentences.push(`${capitalised(open)}.`)
  return { text: sentences.join(" "), unseen: any }
}

/** Who answers: warm (feelings, intentions, self), neutral, robotic, or a mixture. */
export const persona = (random: Random, question: Question): ReadonlyArray<Label> => {
  const p = random.uniform()
  const repeat = (label: Label): ReadonlyArray<Label> => (random.chance(1 / 3) ? [label] : [label, label])
  if (p < 0.5) {
    const warm = questions[question.kind].warm
    const labels: Array<Label> = Array.from({ length: random.pick([1, 2, 2, 3]) }, () =>
      random.weighted(CRITERIA, (criterion) => warm[criterion]),
    )
    if (labels.length < 3 && random.chance(0.25)) labels.push("N")
    return random.shuffled(labels)
  }
  if (p < 0.72) return repeat("N")
  if (p < 0.94) return repeat("R")
  return Array.from({ length: random.pick([2, 3]) }, () => random.pick(LABELS))
}
