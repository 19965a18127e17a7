/**
 * A language model that computes nothing and notes what it is asked: with it the stages themselves say how many tokens they read,
 * write and train on, and what that takes in memory. Answers are as long as they may be.
 */
import * as Effect from "effect/Effect"
import {
  type Chat,
  type ChoicesRequest,
  type ForwardBackwardRequest,
  LanguageModel,
  type ModelShape,
  type SampleRequest,
  type Tokens,
} from "hmx"
import type * as Planned from "./Planned.ts"
import type { Scored } from "./treesOf.ts"

/** What turns texts into tokens, without weights. */
export interface Tokenizer {
  /** A chat by the model's template, with the header of the assistant's turn. */
  readonly render: (chat: Chat.Chat) => string
  readonly encode: (text: string) => Tokens
}

/** Tokens that a chat template puts around a message, at most. */
const templateTokens = 16

/** Where there is no tokenizer: a token for every byte, which is the most that a byte-level vocabulary makes of a text. */
export const bytewise: Tokenizer = {
  render: (chat) => chat.map(({ content }) => content + " ".repeat(templateTokens)).join(""),
  encode: (text) => Array.from(new TextEncoder().encode(text)),
}

/** When a call began and ended, by a count of beginnings and ends: calls that are there at one time may be computed together. */
export interface During {
  readonly began: number
  readonly ended: number
}

/** What was asked in one call. */
export type Asked = During &
  (
    | {
        readonly method: "sample"
        readonly request: SampleRequest
        /** Tokens of each answer, where it is known. */
        readonly made?: ReadonlyArray<number>
      }
    | { readonly method: "score"; readonly sequences: ReadonlyArray<Scored> }
    | { readonly method: "train"; readonly request: ForwardBackwardRequest }
  )

/** Counts how often it is asked. */
export const counter = (): (() => number) => {
  let n = 0
  return () => ++n
}

/** A model's answer comes in a later turn: what is asked at one time is asked before it. */
const later = Effect.callback<void>((resume) => {
  const timer = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(timer))
})

/** The sequences that choices are read from. */
export const sequencesOf = (requests: ReadonlyArray<ChoicesRequest>): ReadonlyArray<Scored> =>
  requests.flatMap(({ context, continuations }) =>
    continuations.map((c) => ({ tokens: [...context, ...c], from: context.length })),
  )

/** Characters that no text has stand for the tokens of an answer, one character an answer. */
const first = 0xe000
const most = 0xf8ff - first + 1
const runs = /([\ue000-\uf8ff])\1*/g
/** Ids of such tokens are above any vocabulary's. */
const above = 2 ** 22

/** Characters that are tokenised; of further ones a few are taken for a token, since a plan has a second and benchmarks may be long. */
const exactly = 1_000_000
const charactersOfToken = 3
const roughly = (text: string): Tokens =>
  Array.from({ length: Math.ceil(text.length / charactersOfToken) }, (_, i) => text.charCodeAt(i * charactersOfToken))

export class Rehearsal {
  readonly service: (typeof LanguageModel)["Service"]
  readonly #tokenizer: Tokenizer
  readonly #known = new Map<string, Tokens>()
  #asked: Array<Asked> = []
  #answers = 0
  #characters = 0

  constructor(shape: ModelShape, tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer
    const engine = { name: shape.engine ?? "", version: "", device: "", dtype: "" }
    const tick = counter()
    const answered = <A>(asked: (during: During) => Asked, answer: () => A): Effect.Effect<A> =>
      Effect.suspend(() => {
        const began = tick()
        return Effect.map(later, () => {
          this.#asked.push(asked({ began, ended: tick() }))
          return answer()
        })
      })
    this.service = LanguageModel.of({
      info: { name: "rehearsal", digest: "", shape, eos: [], engine },
      encodeChat: (chats) => Effect.sync(() => chats.map((chat) => this.tokens(tokenizer.render(chat)))),
      encode: (texts) => Effect.sync(() => texts.map((text) => this.tokens(text))),
      decode: (lists) =>
        Effect.succeed(
          lists.map((list) => list.map((id) => (id < above ? "" : String.fromCharCode(id - above))).join("")),
        ),
      sample: (request) =>
        answered(
          (during) => ({ ...during, method: "sample", request }),
          () =>
            Array.from({ length: request.n }, () => {
              const id = above + first + (this.#answers++ % most)
              const tokens = Array.from({ length: request.params.maxNewTokens }, () => id)
              return { tokens, logprobs: tokens.map(() => -1), finish: "stop" as const }
            }),
        ),
      logprobs: (requests) =>
        answered(
          (during) => ({ ...during, method: "score", sequences: requests }),
          () => requests.map(({ from, tokens }) => tokens.slice(from).map(() => -1)),
        ),
      choices: (requests) =>
        answered(
          (during) => ({ ...during, method: "score", sequences: sequencesOf(requests) }),
          // Scores that differ, so that there is something to train on.
          () =>
            requests.map(({ context, continuations }) => ({
              logprobs: continuations.map((_, i) => -1 - (((context.find((id) => id >= above) ?? 0) * (i + 1)) % 5)),
            })),
        ),
      forwardBackward: (request) =>
        answered(
          (during) => ({ ...during, method: "train", request }),
          () => ({ loss: 1, metrics: {} }),
        ),
      optimStep: () => Effect.sync(() => ({ gradNorm: 1, adapterDigest: `rehearsed ${this.#answers}` })),
      zeroGrad: () => Effect.void,
      offload: () => Effect.void,
      createAdapter: () => Effect.succeed("rehearsed"),
      dropAdapter: () => Effect.void,
      saveState: () => Effect.void,
      loadState: () => Effect.succeed("rehearsed"),
      memory: () => Effect.succeed({ live: 0, peak: 0, tensors: 0 }),
    })
  }

  /** Tokens of a text in which answers of this rehearsal may stand. */
  tokens(text: string): Tokens {
    const out: Array<number> = []
    let at = 0
    const plain = (piece: string): void => {
      if (piece === "") return
      let found = this.#known.get(piece)
      if (found === undefined) {
        found = this.#characters < exactly ? this.#tokenizer.encode(piece) : roughly(piece)
        this.#characters += piece.length
        this.#known.set(piece, found)
      }
      for (const id of found) out.push(id)
    }
    for (const run of text.matchAll(runs)) {
      plain(text.slice(at, run.index))
      for (let i = 0; i < run[0].length; i++) out.push(above + run[0].charCodeAt(0))
      at = run.index + run[0].length
    }
    plain(text.slice(at))
    return out
  }

  /** What has been asked since the last time. */
  taken(): ReadonlyArray<Asked> {
    const asked = this.#asked
    this.#asked = []
    return asked
  }
}

const sum = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a + b, 0)

/** Tokens of calls: what is read counts before prefixes are shared, as a worker counts it. */
export const tokensOf = (calls: ReadonlyArray<Asked>): Planned.Tokens => {
  let [read, written, trained] = [0, 0, 0]
  for (const asked of calls) {
    if (asked.method === "sample") {
      read += asked.request.prompt.length
      written += asked.request.n * asked.request.params.maxNewTokens
    } else if (asked.method === "score") read += sum(asked.sequences.map(({ tokens }) => tokens.length))
    else
      trained += sum(asked.request.groups.map((g) => g.prompt.length + sum(g.completions.map((c) => c.tokens.length))))
  }
  return { read, written, trained }
}

/** The most tokens that one answer of these calls may have. */
export const newTokensOf = (calls: ReadonlyArray<Asked>): number =>
  calls.reduce(
    (most, asked) => (asked.method === "sample" ? Math.max(most, asked.request.params.maxNewTokens) : most),
    0,
  )
