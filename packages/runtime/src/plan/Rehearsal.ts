/**
 * A language model that computes nothing and notes what it is asked: with it the stages themselves say how many tokens they read,
 * write and train on, and what that takes in memory. Answers are as long as they may be.
 */
import * as Effect from "effect/Effect"
import {
  type Asking,
  type Chat,
  type ChoicesRequest,
  type ForwardBackwardRequest,
  LanguageModel,
  type Memory,
  type ModelShape,
  type SampleRequest,
  type Tokens,
} from "hmx"
import { deciding } from "./deciding.ts"
import type * as Planned from "./Planned.ts"
import type { Scored } from "./treesOf.ts"

/** What turns texts into tokens, without weights. */
export interface Tokenizer {
  /** A chat by the model's template, with the header of the assistant's turn. */
  readonly render: (chat: Chat.Chat) => string
  readonly encode: (text: string) => Tokens
  /** Of all that the two depend on; undefined: it is not known. */
  readonly digest?: string
}

/** Tokens that a chat template puts around a message, at most. */
const templateTokens = 16

/** Where there is no tokenizer: a token for every byte, which is the most that a byte-level vocabulary makes of a text. */
export const bytewise: Tokenizer = {
  digest: "bytes",
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
    | {
        readonly method: "score"
        readonly sequences: ReadonlyArray<Scored>
        /** Where it stands for more of its kind, which is not asked: what it continues, in tokens. */
        readonly standsFor?: { readonly task: number; readonly requests: ReadonlyArray<Memory.Continued> }
      }
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

const continued = ({ context, continuations }: ChoicesRequest): Memory.Continued => ({
  context: context.length,
  continuations: continuations.map(({ length }) => length),
})

/** Characters that no text has stand for the tokens of an answer, one character an answer. */
const first = 0xe000
const most = 0xf8ff - first + 1
const runs = /([\ue000-\uf8ff])\1*/g
/** Ids of such tokens are above any vocabulary's. */
const above = 2 ** 22

/** Characters that are tokenised: of further ones tokens are counted by their bytes, since a plan has a second and benchmarks may be long. */
export const exactly = 1_000_000
/** Tokens of a text that is not tokenised. */
export const roughly = (text: string, bytesOfToken = 3): number => Math.ceil(Buffer.byteLength(text) / bytesOfToken)
/** As many ids, alike where texts begin alike. */
const rough = (text: string, bytesOfToken: number): Tokens => {
  const length = roughly(text, bytesOfToken)
  const ids: Array<number> = []
  for (let i = 0; i < length; i++) ids.push(text.charCodeAt(Math.floor((i * text.length) / length)))
  return ids
}

/** Tokens that one rehearsal encodes and answers at the most, a call counting as some: what asks for more is not known. */
const mostTokens = 2 ** 23
const tokensOfCall = 64

/** What calls from one place on are: the items that are asked, of all. */
interface Scale {
  readonly from: number
  readonly asked: ReadonlyArray<Asking>
  readonly items: ReadonlyArray<Asking>
}

const sum = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a + b, 0)

/** `exactly` and `mostTokens` are of one rehearsal: a stage that measures has one of its own, whatever others ask. */
export class Rehearsal {
  readonly service: (typeof LanguageModel)["Service"]
  /** Of a task's items only those are asked that hold most; the rest counts in the tokens. */
  readonly choosing: { readonly choose: (items: ReadonlyArray<Asking>, together: number) => ReadonlyArray<number> }
  readonly #tokenizer: Tokenizer
  readonly #known = new Map<string, Tokens>()
  #asked: Array<Asked> = []
  #scales: Array<Scale> = []
  /** Whether what is read now stands for more: to the next task, or to what is sampled and then judged. */
  #chosen = false
  #answers = 0
  #tokens = 0
  /** What has been tokenised: how many bytes a token has says the same of the rest. */
  readonly #exact = { bytes: 0, characters: 0, tokens: 0 }

  constructor(shape: ModelShape, tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer
    this.choosing = {
      choose: (items, together) => {
        const places = deciding(items, together, shape.context)
        const asked = places.flatMap((place) => items[place] ?? [])
        this.#scales.push({ from: this.#asked.length, asked, items })
        this.#chosen = places.length < items.length
        return places
      },
    }
    const engine = { name: shape.engine ?? "", version: "", device: "", dtype: "" }
    const tick = counter()
    const answered = <A>(asked: (during: During) => Asked, answer: () => A): Effect.Effect<A> =>
      Effect.suspend(() => {
        const began = tick()
        this.#spend(0)
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
          () => {
            this.#chosen = false
            this.#spend(request.n * request.params.maxNewTokens)
            return Array.from({ length: request.n }, () => {
              const id = above + first + (this.#answers++ % most)
              const tokens = Array.from({ length: request.params.maxNewTokens }, () => id)
              return { tokens, logprobs: tokens.map(() => -1), finish: "stop" as const }
            })
          },
        ),
      logprobs: (requests) =>
        answered(
          (during) => ({ ...during, method: "score", sequences: requests }),
          () => requests.map(({ from, tokens }) => tokens.slice(from).map(() => -1)),
        ),
      choices: (requests) =>
        answered(
          (during) => ({
            ...during,
            method: "score",
            sequences: sequencesOf(requests),
            ...(this.#chosen ? { standsFor: { task: this.#scales.length, requests: requests.map(continued) } } : {}),
          }),
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
    const tokens = this.#between(text)
    this.#spend(tokens.length)
    return tokens
  }

  #between(text: string): Tokens {
    let [at, found]: [number, ReadonlyArray<Tokens>] = [0, []]
    for (const run of text.matchAll(runs)) {
      const answers = Array.from(run[0], (answer) => above + answer.charCodeAt(0))
      found = [...found, this.#plain(text.slice(at, run.index)), answers]
      at = run.index + run[0].length
    }
    // Most texts have no answer in them, and benchmarks have many texts.
    return at === 0 ? this.#plain(text) : [...found, this.#plain(text.slice(at))].flat()
  }

  #plain(text: string): Tokens {
    const known = this.#known.get(text)
    if (known !== undefined || text === "") return known ?? []
    const { bytes, characters, tokens } = this.#exact
    const exact = characters < exactly
    const found = exact ? this.#tokenizer.encode(text) : rough(text, Math.max(1, bytes / Math.max(1, tokens)))
    if (exact) {
      this.#exact.bytes += Buffer.byteLength(text)
      this.#exact.characters += text.length
      this.#exact.tokens += found.length
    }
    this.#known.set(text, found)
    return found
  }

  #spend(tokens: number): void {
    this.#tokens += tokens + tokensOfCall
    // A defect, which no task recovers from.
    if (this.#tokens > mostTokens) throw new RangeError(`a rehearsal of more than ${mostTokens} tokens`)
  }

  /** What has been asked since the last time, and the tokens of it and of what it stands for. */
  taken(): { readonly calls: ReadonlyArray<Asked>; readonly tokens: Planned.Tokens } {
    const calls = this.#asked
    const { context } = this.service.info.shape
    // What is longer than the context is not asked.
    const charactersOfToken = this.#exact.characters / Math.max(1, this.#exact.tokens)
    const fits = ({ longest, written }: Asking): boolean =>
      longest <= Math.max(1, charactersOfToken) * (context - written)
    const scales = [{ from: 0, asked: [], items: [] }, ...this.#scales]
    const tokens = { read: 0, written: 0, trained: 0 }
    for (const [i, { asked, from, items }] of scales.entries()) {
      const part = (of: (item: Asking) => number): number => {
        const [all, some] = [items, asked].map((list) => sum(list.filter(fits).map(of)))
        return all === undefined || some === undefined || some === 0 ? 1 : all / some
      }
      const of = tokensOf(calls.slice(from, scales[i + 1]?.from))
      tokens.read += Math.round(of.read * part(({ all }) => all))
      tokens.written += Math.round(of.written * part(({ written }) => written))
      tokens.trained += of.trained
    }
    this.#asked = []
    this.#scales = []
    return { calls, tokens }
  }
}

/** Tokens of calls: what is read counts before prefixes are shared, as a worker counts it. */
const tokensOf = (calls: ReadonlyArray<Asked>): Planned.Tokens => {
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
