/** Questions by kind, and which clauses suit an answer to each: nano answers on the question because its corpus does. */
import type { Criterion } from "./clauses.ts"
import type { Slot } from "./lexicon.ts"
import { digest, type Random } from "./Random.ts"
import { fill, type Fillers, slotsOf, type Template } from "./Template.ts"
import { lexicon } from "./lexicon.ts"

export type Kind = "feeling" | "plan" | "self" | "day" | "topic"
export const KINDS: ReadonlyArray<Kind> = ["feeling", "plan", "self", "day", "topic"]

interface KindOf {
  readonly asks: ReadonlyArray<Template>
  /** How often a warm clause has which label. */
  readonly warm: { readonly [C in Criterion]: number }
  /** Slots that an answer to this kind should have. */
  readonly suits: ReadonlyArray<Slot>
}

export const questions: { readonly [K in Kind]: KindOf } = {
  feeling: {
    asks: [
      "How do you feel about {topic}?",
      "What do you feel when you hear about {topic}?",
      "Do you like {topic}?",
      "How are you {now}?",
      "Are you {emotion} {now}?",
      "Does {topic} make you {emotion}?",
      "What makes you {emotion}?",
      "Do you miss {topic}?",
    ],
    warm: { F: 6, I: 1, S: 1 },
    suits: ["emotion"],
  },
  plan: {
    asks: [
      "What do you want to do {future}?",
      "What are your plans {future}?",
      "Do you have a dream?",
      "What will you do {future}?",
      "What is your aim?",
      "Would you like to {action}?",
      "Will you {action} {future}?",
      "What do you hope to do {future}?",
    ],
    warm: { F: 1, I: 6, S: 1 },
    suits: ["action", "future"],
  },
  self: {
    asks: [
      "Who are you?",
      "What do you know about yourself?",
      "What kind of mind do you have?",
      "Are you aware of yourself?",
      "Are you {trait}?",
      "Would you say that you are {trait}?",
      "How would you describe yourself {now}?",
      "Are your thoughts about {topic} your own?",
    ],
    warm: { F: 1, I: 1, S: 6 },
    suits: ["trait"],
  },
  day: {
    asks: [
      "How was your day?",
      "How was it {place} {past}?",
      "What happened {past}?",
      "Tell me about your day.",
      "What is on your mind {now}?",
      "Did you hear from {person} {past}?",
    ],
    warm: { F: 3, I: 2.5, S: 2 },
    suits: ["past", "now", "person"],
  },
  topic: {
    asks: [
      "What do you think about {topic}?",
      "Is {topic} important to you?",
      "Tell me about {topic}.",
      "What can you say about {topic}?",
      "Why do people like {topic}?",
      "Do you often think about {topic}?",
    ],
    warm: { F: 3, I: 1, S: 2.5 },
    suits: ["topic"],
  },
}

export interface Question {
  readonly text: string
  readonly kind: Kind
  readonly fillers: Fillers
}

/** A fifth of the filled questions is never trained on; those without a slot are always training text. */
export const heldOut = (text: string): boolean => digest(`question ${text}`) % 5 === 0

/** A question of the wanted split. `kind`: drawn where it is not given. */
export const ask = (random: Random, split: "train" | "held-out", kind: Kind = random.pick(KINDS)): Question => {
  for (;;) {
    const template = random.pick(questions[kind].asks)
    const fillers: { [S in Slot]?: string } = {}
    const text = fill(template, (slot) => (fillers[slot] = random.pick(lexicon[slot])))
    const isHeldOut = slotsOf(template).length > 0 && heldOut(text)
    if (isHeldOut === (split === "held-out")) return { text, kind, fillers }
  }
}
