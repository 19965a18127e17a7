/** Requests of a benchmark as requests to the language model. */
import * as Effect from "effect/Effect"
import { type Adapter, Chat, LanguageModel, type ModelInfo, Step, type Tokens } from "hmx"
import { trimEnd } from "../python.ts"
import type { Answer, Benchmark, Continuation, Request } from "./Benchmark.ts"

/** An answer, or how many tokens an item would have taken that does not fit into the context. */
export type Asked =
  | { readonly answer: Answer; /** A text ran into its token limit without a stop. */ readonly cutOff: boolean }
  | { readonly tooLong: number }

type Other = Exclude<Request, { readonly kind: "choices" }>
type Of<K extends Request["kind"]> = Extract<Request, { readonly kind: K }>

/** Asks a block of requests; `done` gets each answer with its request as soon as it is there, those of "choices" together. */
export const ask = <P extends { readonly request: Request }, E, R>(
  prompt: Benchmark["prompt"],
  pending: ReadonlyArray<P>,
  done: (answered: ReadonlyArray<readonly [P, Asked]>) => Effect.Effect<void, E, R>,
) =>
  Effect.gen(function* () {
    const { by } = yield* Step
    const weighed: Array<P> = []
    const choices: Array<ReadonlyArray<Continuation>> = []
    const others: Array<readonly [P, Other]> = []
    for (const one of pending) {
      if (one.request.kind === "choices") {
        weighed.push(one)
        choices.push(one.request.choices)
      } else others.push([one, one.request])
    }
    if (weighed.length > 0) {
      const found = yield* weigh(prompt, choices, by)
      yield* done(weighed.flatMap((one, i) => (found[i] === undefined ? [] : [[one, found[i]] as const])))
    }
    yield* Effect.forEach(
      others,
      ([one, request]) => Effect.flatMap(askOne(prompt, request), (answer) => done([[one, answer]])),
      { concurrency: "unbounded", discard: true },
    )
  })

const askOne = (prompt: Benchmark["prompt"], request: Other) => {
  if (request.kind === "generate") return generate(prompt, request)
  if (request.kind === "dialogue") return converse(request)
  return request.kind === "judged" ? judge(request) : roll(request)
}

const encodeContexts = (prompt: Benchmark["prompt"], contexts: ReadonlyArray<string>) =>
  prompt === "chat"
    ? Effect.flatMap(LanguageModel, (lm) => lm.encodeChat(contexts.map(Chat.user)))
    : encodeTexts(contexts)

/** Plain texts, each with the begin-of-text token before it where the model's tokenizer puts one there. */
const encodeTexts = (texts: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const { start, startsTexts } = lm.info
    const encoded = yield* lm.encode(texts)
    return startsTexts !== true || start === undefined
      ? encoded
      : encoded.map((tokens) => (tokens[0] === start ? tokens : [start, ...tokens]))
  })

/** The token before a text that nothing stands before. */
const startOf = ({ eos, start = eos[0] }: ModelInfo): Tokens => (start === undefined ? [] : [start])

/**
 * Sums of log-probabilities of each item's continuations. As lm-evaluation-harness does it, context and continuation are tokenised
 * together and split at the context's own length, white space at the context's end going with the continuation; in a chat the
 * continuation begins the assistant's turn and is tokenised by itself. What shares a context is asked together, so it is computed once.
 */
const weigh = (prompt: Benchmark["prompt"], items: ReadonlyArray<ReadonlyArray<Continuation>>, by: Adapter) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const moved = items.map((choices) => choices.map(prompt === "chat" ? startOfTurn : moveSpace))
    const contexts = [...new Set(moved.flatMap((choices) => choices.map(({ context }) => context)))]
    const encoded = yield* encodeContexts(prompt, contexts)
    const contextTokens = new Map(contexts.map((context, i) => [context, encoded[i] ?? []]))
    const whole = (choice: Continuation) => (prompt === "chat" ? "" : choice.context) + choice.continuation
    const texts = [...new Set(moved.flatMap((choices) => choices.map(whole)))]
    const encodedTexts = yield* prompt === "chat" ? lm.encode(texts) : encodeTexts(texts)
    const textTokens = new Map(texts.map((text, i) => [text, encodedTexts[i] ?? []]))

    const groups = new Map<string, { context: Tokens; continuations: Array<Tokens> }>()
    const places: Array<{ readonly tooLong: number } | Array<{ readonly key: string; readonly index: number }>> = []
    for (const choices of moved) {
      const split = choices.map((choice) => {
        const before = contextTokens.get(choice.context) ?? []
        const all = textTokens.get(whole(choice)) ?? []
        if (prompt === "chat") return { context: before, continuation: all }
        // Without a context the end-of-text token stands there; and something is always weighed, if the last token alone.
        if (before.length === 0) return { context: startOf(lm.info), continuation: all }
        const at = Math.min(before.length, all.length - 1)
        return { context: all.slice(0, at), continuation: all.slice(at) }
      })
      const longest = Math.max(...split.map(({ context, continuation }) => context.length + continuation.length))
      if (longest > lm.info.shape.context) {
        places.push({ tooLong: longest })
        continue
      }
      places.push(
        split.map(({ context, continuation }) => {
          const key = context.join(" ")
          const group = groups.get(key) ?? { context, continuations: [] }
          groups.set(key, group)
          return { key, index: group.continuations.push(continuation) - 1 }
        }),
      )
    }
    const keys = [...groups.keys()]
    const read = keys.length === 0 ? [] : yield* lm.choices([...groups.values()].map((group) => ({ ...group, by })))
    const sums = new Map(keys.map((key, i) => [key, read[i]?.logprobs ?? []]))
    return places.map((place): Asked => {
      if ("tooLong" in place) return place
      const scores = place.map(({ index, key }) => sums.get(key)?.[index] ?? Number.NaN)
      return { answer: { kind: "scores", scores }, cutOff: false }
    })
  })

const moveSpace = ({ context, continuation }: Continuation): Continuation => {
  const trimmed = trimEnd(context)
  return { context: trimmed, continuation: context.slice(trimmed.length) + continuation }
}

/** A turn does not begin with the space that parts a plain text. */
const startOfTurn = ({ context, continuation }: Continuation): Continuation => ({
  context,
  continuation: continuation.trimStart() === "" ? continuation : continuation.trimStart(),
})

/** A text and whether it ended by itself, or how many tokens would not have fitted into the context. */
type Said = { readonly text: string; readonly ended: boolean } | { readonly tooLong: number }

/** So many tokens are generated between two looks for a stop: what comes after one is thrown away. */
const stride = 64

/** Greedy text after these tokens, to its end or a little beyond the first of `until`. */
const complete = (tokens: Tokens, maxNewTokens: number, until: ReadonlyArray<string> = []) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const { by, seed } = yield* Step
    const all = tokens.length + maxNewTokens
    if (all > lm.info.shape.context) {
      const said: Said = { tooLong: all }
      return said
    }
    const tokensSaid: Array<number> = []
    let [ended, text] = [false, ""]
    while (!ended && tokensSaid.length < maxNewTokens && !until.some((stop) => text.includes(stop))) {
      const room = maxNewTokens - tokensSaid.length
      const [next] = yield* lm.sample({
        prompt: [...tokens, ...tokensSaid],
        n: 1,
        params: { maxNewTokens: until.length === 0 ? room : Math.min(stride, room), temperature: 0 },
        key: { seed, step: 0, prompt: 0 },
        by,
      })
      // No model says nothing at all: this is for the loop's end.
      if (next === undefined || next.tokens.length === 0) break
      tokensSaid.push(...next.tokens)
      ended = next.finish === "stop"
      ;[text = ""] = yield* lm.decode([ended ? tokensSaid.slice(0, -1) : tokensSaid])
    }
    const whole: Said = { text, ended }
    return whole
  })

const generate = (prompt: Benchmark["prompt"], { context, maxNewTokens, until }: Of<"generate">) =>
  Effect.gen(function* () {
    const [tokens = []] = yield* encodeContexts(prompt, [context])
    const said = yield* complete(tokens, maxNewTokens, until)
    return "tooLong" in said ? said : upTo(until, said)
  })

/** The text before the first of `until`. */
const upTo = (until: ReadonlyArray<string>, { ended, text }: Exclude<Said, { tooLong: number }>): Asked => {
  const ends = until.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
  const cut = ends.length === 0 ? text : text.slice(0, Math.min(...ends))
  return { answer: { kind: "text", text: cut }, cutOff: !ended && ends.length === 0 }
}

/** What was said in several turns, as one answer. */
const together = (said: ReadonlyArray<Said>): Asked & { readonly turns: ReadonlyArray<string> } => {
  const turns: Array<string> = []
  let cutOff = false
  for (const one of said) {
    if ("tooLong" in one) return { ...one, turns: [] }
    turns.push(one.text)
    cutOff ||= !one.ended
  }
  return { answer: { kind: "text", text: turns.at(-1) ?? "", turns }, cutOff, turns }
}

/** A turn after another, each in view of the answers before it. */
const converse = ({ maxNewTokens, turns }: Of<"dialogue">) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const chat: Array<Chat.Message> = []
    const all: Array<Said> = []
    for (const content of turns) {
      chat.push({ role: "user", content })
      const [tokens = []] = yield* lm.encodeChat([chat])
      const said = yield* complete(tokens, maxNewTokens)
      all.push(said)
      if ("tooLong" in said) break
      chat.push({ role: "assistant", content: said.text })
    }
    return together(all)
  })

const judge = ({ maxNewTokens, questions, reading }: Of<"judged">) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const chats = yield* lm.encodeChat(questions.map(Chat.user))
    const said = together(
      yield* Effect.forEach(chats, (tokens) => complete(tokens, maxNewTokens), { concurrency: "unbounded" }),
    )
    if ("tooLong" in said || said.answer.kind === "scores") return said
    const [read = { tooLong: 0 }] = yield* weigh("chat", [reading(said.turns)], "base")
    if ("tooLong" in read || read.answer.kind === "text") return read
    const asked: Asked = { answer: { ...said.answer, scores: read.answer.scores }, cutOff: said.cutOff }
    return asked
  })

const roll = ({ text }: Of<"rolling">) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const { by } = yield* Step
    const [encoded = []] = yield* encodeTexts([text])
    const tokens = [...startOf(lm.info), ...encoded]
    if (tokens.length > lm.info.shape.context) return { tooLong: tokens.length }
    const [read = []] = tokens.length < 2 ? [] : yield* lm.logprobs([{ tokens, from: 1, by }])
    const asked: Asked = {
      answer: { kind: "scores", scores: [read.reduce((sum, logprob) => sum + logprob, 0), read.length] },
      cutOff: false,
    }
    return asked
  })
