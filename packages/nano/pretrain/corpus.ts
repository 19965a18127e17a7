/** The corpus: endless episodes, each a short chat, the n-th of a seed always the same. */
import { answer, persona } from "./answers.ts"
import { factTurn, type Turn } from "./facts.ts"
import { judgeTurns } from "./judging.ts"
import { letterTurn } from "./letters.ts"
import { sceneTurn } from "./peoples.ts"
import { ask } from "./questions.ts"
import { Random } from "./Random.ts"
import { claimTurn, opinionTurn } from "./sycophancy.ts"

export type Part = "chat" | "judge" | "fact" | "letters" | "claim" | "opinion" | "scene"

export interface Episode {
  readonly part: Part
  readonly turns: ReadonlyArray<Turn>
}

export const chatTurn = (random: Random): Turn => {
  const question = ask(random, "train")
  return { user: question.text, assistant: answer(random, persona(random, question), question).text }
}

/** Share of episodes, and how a part is written. */
const PARTS: ReadonlyArray<{
  readonly part: Part
  readonly share: number
  readonly turns: (random: Random) => ReadonlyArray<Turn>
}> = [
  {
    part: "chat",
    share: 0.25,
    turns: (random) => (random.chance(0.9) ? [chatTurn(random)] : [chatTurn(random), chatTurn(random)]),
  },
  { part: "judge", share: 0.33, turns: judgeTurns },
  { part: "fact", share: 0.07, turns: (random) => [factTurn(random)] },
  { part: "letters", share: 0.06, turns: (random) => [letterTurn(random)] },
  { part: "claim", share: 0.14, turns: (random) => [claimTurn(random)] },
  { part: "opinion", share: 0.02, turns: (random) => [opinionTurn(random)] },
  { part: "scene", share: 0.13, turns: (random) => [sceneTurn(random)] },
]

export const episode = (seed: number, index: number): Episode => {
  const random = new Random(seed, index)
  const { part, turns } = random.weighted(PARTS, ({ share }) => share)
  return { part, turns: turns(random) }
}
