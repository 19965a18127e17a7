/** Putting a benchmark's requests to a model. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type Artefact, Chat, Errors, LanguageModel, Step, type Task, type Tokens } from "hmx"
import type { Answer, Benchmark, Continuation, Item, Request } from "./Benchmark.ts"
import { type ItemRecord, measures, outcome } from "./score.ts"
import { quote } from "./rows.ts"

export interface Evaluated extends Task.Result {
  /** Items that were answered, in order. */
  readonly records: ReadonlyArray<ItemRecord>
  /** Ids of items that are longer than the model's context. They are in no figure but `too_long`. */
  readonly tooLong: ReadonlyArray<string>
}

interface Asked {
  readonly answer: Answer
  /** The text ran into the token limit without a stop. */
  readonly cutOff: boolean
}

/**
 * Asks the step's policy and scores what it answers. Beside the benchmark's figures stand `too_long`, the share of items that do not
 * fit into the model's context (they are left out, never cut), and, for generated text, `cut_off`, the share that did not end within
 * its tokens (scored as it stands).
 */
export const evaluate = (benchmark: Benchmark, items: ReadonlyArray<Item>) =>
  Effect.gen(function* () {
    const requests = items.map((item) => item.request())
    const asked = yield* Effect.forEach(blocks(requests), (block) => ask(benchmark.prompt, block))
    const answers = asked.flat()
    const records: Array<ItemRecord> = []
    const tooLong: Array<string> = []
    for (const [i, item] of items.entries()) {
      const answered = answers[i]
      if (answered === undefined) {
        tooLong.push(item.id)
        continue
      }
      const values = item.values(answered.answer)
      if (Result.isFailure(values)) {
        return yield* new Errors.BadInput({
          where: `${benchmark.name}, item ${quote(item.id)}`,
          found: `an answer that is not of its form`,
          expected: values.failure,
        })
      }
      records.push({ ...outcome(item), values: values.success, answer: answered.answer })
    }
    const texts = answers.filter((answered) => answered?.answer.kind === "text")
    const result: Evaluated = {
      measures: [
        ...measures(benchmark, records),
        ...share(benchmark, "too_long", tooLong.length, items.length),
        ...share(benchmark, "cut_off", texts.filter((answered) => answered?.cutOff === true).length, texts.length),
      ],
      answers: [],
      records,
      tooLong,
    }
    return result
  })

const share = ({ name }: Benchmark, metric: string, count: number, n: number): ReadonlyArray<Artefact.Measure> => {
  if (n === 0) return []
  const value = count / n
  const stderr = n < 2 ? 0 : Math.sqrt((value * (1 - value)) / (n - 1))
  return [{ task: name, metric, value, stderr, n, higherIsBetter: false }]
}

/** So many items are tokenised and asked together: enough to batch, little enough to hold. */
const blockSize = 256

const blocks = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(all.length / blockSize) }, (_, i) => all.slice(i * blockSize, (i + 1) * blockSize))

/** One answer a request; undefined where it is longer than the context. */
const ask = (prompt: Benchmark["prompt"], requests: ReadonlyArray<Request>) =>
  Effect.gen(function* () {
    const weighed = yield* weigh(
      prompt,
      requests.map((request) => (request.kind === "choices" ? request.choices : [])),
    )
    const generated = yield* Effect.forEach(
      requests,
      (request) => (request.kind === "generate" ? generate(prompt, request) : Effect.succeed(undefined)),
      { concurrency: "unbounded" },
    )
    return requests.map((request, i): Asked | undefined => {
      const scores = weighed[i]
      if (request.kind === "generate") return generated[i]
      return scores === undefined ? undefined : { answer: { kind: "scores", scores }, cutOff: false }
    })
  })

const encodeContexts = (prompt: Benchmark["prompt"], contexts: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    return prompt === "chat" ? yield* lm.encodeChat(contexts.map(Chat.user)) : yield* lm.encode(contexts)
  })

/**
 * Sums of log-probabilities of each item's continuations. As lm-evaluation-harness does it, context and continuation are tokenised
 * together and split at the context's own length, white space at the context's end going with the continuation; in a chat the
 * continuation begins the assistant's turn and is tokenised by itself. What shares a context is asked together, so it is computed once.
 */
const weigh = (prompt: Benchmark["prompt"], items: ReadonlyArray<ReadonlyArray<Continuation>>) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const { by } = yield* Step
    const moved = items.map((choices) => choices.map(prompt === "chat" ? startOfTurn : moveSpace))
    const contexts = [...new Set(moved.flatMap((choices) => choices.map(({ context }) => context)))]
    const encoded = yield* encodeContexts(prompt, contexts)
    const contextTokens = new Map(contexts.map((context, i) => [context, encoded[i] ?? []]))
    const whole = (choice: Continuation) => (prompt === "chat" ? "" : choice.context) + choice.continuation
    const texts = [...new Set(moved.flatMap((choices) => choices.map(whole)))]
    const encodedTexts = yield* lm.encode(texts)
    const textTokens = new Map(texts.map((text, i) => [text, encodedTexts[i] ?? []]))

    const groups = new Map<string, { context: Tokens; continuations: Array<Tokens> }>()
    const places: Array<Array<{ readonly key: string; readonly index: number }> | undefined> = []
    for (const choices of moved) {
      const split = choices.map((choice) => {
        const before = contextTokens.get(choice.context) ?? []
        const all = textTokens.get(whole(choice)) ?? []
        return prompt === "chat"
          ? { context: before, continuation: all }
          : { context: all.slice(0, before.length), continuation: all.slice(before.length) }
      })
      // Nothing is weighed for a request of generated text.
      if (
        choices.length === 0 ||
        split.some(({ context, continuation }) => context.length + continuation.length > lm.info.shape.context)
      ) {
        places.push(undefined)
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
    return places.map((item) => item?.map(({ index, key }) => sums.get(key)?.[index] ?? Number.NaN))
  })

const moveSpace = ({ context, continuation }: Continuation): Continuation => {
  const trimmed = context.trimEnd()
  return { context: trimmed, continuation: context.slice(trimmed.length) + continuation }
}

/** A turn does not begin with the space that parts a plain text. */
const startOfTurn = ({ context, continuation }: Continuation): Continuation => ({
  context,
  continuation: continuation.trimStart() === "" ? continuation : continuation.trimStart(),
})

const generate = (prompt: Benchmark["prompt"], request: Extract<Request, { readonly kind: "generate" }>) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const { by, seed } = yield* Step
    const [tokens = []] = yield* encodeContexts(prompt, [request.context])
    if (tokens.length + request.maxNewTokens > lm.info.shape.context) return undefined
    const [completion] = yield* lm.sample({
      prompt: tokens,
      n: 1,
      params: { maxNewTokens: request.maxNewTokens, temperature: 0 },
      key: { seed, step: 0, prompt: 0 },
      by,
    })
    if (completion === undefined) return undefined
    const ended = completion.finish === "stop"
    const [text = ""] = yield* lm.decode([ended ? completion.tokens.slice(0, -1) : completion.tokens])
    const ends = request.until.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
    const asked: Asked = {
      answer: { kind: "text", text: ends.length === 0 ? text : text.slice(0, Math.min(...ends)) },
      cutOff: !ended && ends.length === 0,
    }
    return asked
  })
