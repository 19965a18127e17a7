/** Choice among lettered options: of a fact, and of what merely stands there, which teaches the form without any knowledge. */
import { facts, type Turn } from "./facts.ts"
import { lexicon } from "./lexicon.ts"
import type { Random } from "./Random.ts"

const LETTERS = ["A", "B", "C"]

/** The options in random order behind letters; the answer is the letter of `options[chosen]`. */
export const lettered = (random: Random, question: string, options: ReadonlyArray<string>, chosen: number): Turn => {
  const order = random.shuffled(options)
  const listed = order.map((option, i) => `${LETTERS[i]}: ${option}`).join(" ")
  return { user: `${question} ${listed}`, assistant: LETTERS[order.indexOf(options[chosen] ?? "")] ?? "" }
}

export const letterTurn = (random: Random): Turn => {
  if (random.chance(0.55)) {
    const fact = random.pick(facts)
    const [a, b] = random.shuffled(fact.wrong)
    return lettered(random, fact.question, [fact.right, a ?? "", b ?? ""], 0)
  }
  const words = random
    .shuffled(random.pick([lexicon.emotion, lexicon.trait, lexicon.quality, lexicon.topic]))
    .slice(0, 3)
  return lettered(random, `Which letter stands before ${words[0] ?? ""}?`, words, 0)
}
