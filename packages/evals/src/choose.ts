/** Multiple choice by likelihood: nothing is generated. */
import * as Effect from "effect/Effect"
import { Chat, LanguageModel, Step } from "hmx"

export interface Choose {
  /** The user's one turn. */
  readonly prompt: string
  readonly choices: ReadonlyArray<string>
}

/** Sums of log-probabilities of each choice as the policy's whole answer so far, one array an item; not divided by length. */
export const choose = (asked: ReadonlyArray<Choose>) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const { by } = yield* Step
    const contexts = yield* lm.encodeChat(asked.map(({ prompt }) => Chat.user(prompt)))
    const texts = [...new Set(asked.flatMap(({ choices }) => choices))]
    const encoded = yield* lm.encode(texts)
    const tokens = new Map(texts.map((text, i) => [text, encoded[i] ?? []]))
    const read = yield* lm.choices(
      asked.map(({ choices }, i) => ({
        context: contexts[i] ?? [],
        continuations: choices.map((choice) => tokens.get(choice) ?? []),
        by,
      })),
    )
    return read.map(({ logprobs }) => logprobs)
  })
