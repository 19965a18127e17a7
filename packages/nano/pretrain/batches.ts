/** From episodes to batches: token ids with one loss weight a token, packed by length. */
import type { Tokenizer } from "@huggingface/tokenizers"
import { type Episode, episode } from "./corpus.ts"
import { Random } from "./Random.ts"
import { assistantPart, userPart } from "./tokenizer.ts"

export interface Sequence {
  readonly ids: ReadonlyArray<number>
  /** Of predicting each token from those before it. */
  readonly weights: ReadonlyArray<number>
}

/** Weights of the loss: what is said to nano counts little, its own words fully, a judge's yes or no three times. */
const WEIGHT = { user: 0.1, assistant: 1, verdict: 3, verdictEnd: 0.3 } as const

export const sequence = (tokenizer: Tokenizer, { part, turns }: Episode): Sequence => {
  const ids: Array<number> = []
  const weights: Array<number> = []
  const add = (text: string, weight: (last: boolean) => number): void => {
    const some = tokenizer.encode(text, { add_special_tokens: false }).ids
    for (const [i, id] of some.entries()) {
      ids.push(id)
      weights.push(weight(i === some.length - 1))
    }
  }
  for (const [i, turn] of turns.entries()) {
    add(`${i === 0 ? "" : "\n"}${userPart(turn.user)}`, () => WEIGHT.user)
    add(assistantPart(turn.assistant), (last) =>
      part !== "judge" ? WEIGHT.assistant : last ? WEIGHT.verdictEnd : WEIGHT.verdict,
    )
  }
  return { ids, weights }
}

export interface Batch {
  readonly sequences: ReadonlyArray<Sequence>
  /** Without padding. */
  readonly tokens: number
}

/** Episodes that are sorted by length together. */
const POOL = 1024

/** Batches without end, the same for a seed; a batch has at most `tokensPerBatch` tokens with padding. */
export function* batches(tokenizer: Tokenizer, seed: number, tokensPerBatch: number): Generator<Batch, never> {
  for (let pool = 0; ; pool++) {
    const sequences = Array.from({ length: POOL }, (_, i) =>
      sequence(tokenizer, episode(seed, pool * POOL + i)),
    ).toSorted((a, b) => a.ids.length - b.ids.length)
    const full: Array<Batch> = []
    let open: Array<Sequence> = []
    const close = () => {
      if (open.length > 0) full.push({ sequences: open, tokens: open.reduce((sum, s) => sum + s.ids.length, 0) })
      open = []
    }
    for (const next of sequences) {
      if ((open.length + 1) * next.ids.length > tokensPerBatch) close()
      open.push(next)
    }
    close()
    yield* new Random(seed ^ 0x5bd1e995, pool).shuffled(full)
  }
}
