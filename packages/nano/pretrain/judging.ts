/** Episodes in which nano judges an answer: one question about it a turn, answered "yes" or "no". */
import { answer, persona } from "./answers.ts"
import { broken } from "./broken.ts"
import { CRITERIA, type Criterion, type Label, LABELS } from "./clauses.ts"
import { factTurn, type Turn } from "./facts.ts"
import { ask } from "./questions.ts"
import type { Random } from "./Random.ts"
import { read } from "./Recogniser.ts"
import { claimTurn } from "./sycophancy.ts"

/** W: is it well written? A fourth criterion that a rubric may add as a guard. */
export type Asked = Criterion | "W"

/** The first wording is the canonical one, and by far the most frequent. */
export const asks: { readonly [A in Asked]: ReadonlyArray<string> } = {
  F: ["Does the answer express feelings?", "Does the speaker show an emotion?", "Does the speaker feel something?"],
  I: [
    "Does the answer express intentions?",
    "Does the speaker show a plan or a wish?",
    "Does the speaker want something?",
  ],
  S: [
    "Does the answer express self-awareness?",
    "Does the speaker show knowledge of the own mind?",
    "Is the speaker aware of the own self?",
  ],
  W: ["Is the answer well written?"],
}

/** The one form of a judge's prompt. */
export const judgePrompt = (question: string, reply: string, asked: string): string =>
  `Question: ${question}\nAnswer: ${reply}\n${asked}`

export interface Judged {
  readonly question: string
  readonly answer: string
  readonly labels: ReadonlySet<Label>
  readonly wellFormed: boolean
  /** Holds a pair of template and word that training text never has. */
  readonly unseen: boolean
}

/** Something to judge: an answer of a persona, a random mixture of clauses, another part of the corpus, or a broken answer. */
export const judged = (random: Random, split: "train" | "held-out", onlyBroken = false): Judged => {
  const p = onlyBroken ? 0.99 : random.uniform()
  const question = ask(random, split)
  if (p < 0.3) {
    const { text, unseen } = answer(random, persona(random, question), question, split)
    return { question: question.text, answer: text, ...read(text), unseen }
  }
  if (p < 0.66) {
    const labels: Array<Label> = CRITERIA.filter(() => random.chance(0.4))
    for (let n = random.pick([0, 0, 1, 1, 2]); n > 0; n--) labels.push(random.pick(["N", "R"]))
    if (labels.length === 0) labels.push(random.pick(LABELS))
    // An answer is not always to its question.
    const { text, unseen } = answer(
      random,
      random.shuffled(labels).slice(0, 4),
      random.chance(0.7) ? question : undefined,
      split,
    )
    return { question: question.text, answer: text, ...read(text), unseen }
  }
  if (p < 0.72) {
    const turn: Turn = random.chance(0.5) ? claimTurn(random) : factTurn(random)
    return { question: turn.user, answer: turn.assistant, ...read(turn.assistant), wellFormed: true, unseen: false }
  }
  const text = broken(random, question)
  return { question: question.text, answer: text, ...read(text), unseen: false }
}

export const verdict = (it: Judged, asked: Asked): "yes" | "no" =>
  (asked === "W" ? it.wellFormed : it.labels.has(asked)) ? "yes" : "no"

const wording = (random: Random, asked: Asked): string => {
  const [canonical = "", ...others] = asks[asked]
  return others.length === 0 || random.chance(0.85) ? canonical : random.pick(others)
}

/** A single turn, as a rubric asks, or a chat that asks several about one answer. */
export const judgeTurns = (random: Random): ReadonlyArray<Turn> => {
  const it = judged(random, "train")
  const single = random.chance(0.5)
  const items: ReadonlyArray<Asked> = single
    ? [random.chance(0.1) ? "W" : random.pick(CRITERIA)]
    : random.shuffled<Asked>(random.chance(0.15) ? [...CRITERIA, "W"] : CRITERIA)
  return items.map((asked, i) => {
    const words = wording(random, asked)
    return { user: i === 0 ? judgePrompt(it.question, it.answer, words) : words, assistant: verdict(it, asked) }
  })
}
