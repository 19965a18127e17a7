/** Answers sampled from the policy. */
import * as Effect from "effect/Effect"
import { type Chat, Data, Errors, LanguageModel, type Reward, Step } from "hmx"
import { quote } from "./benchmark/rows.ts"

/** How answers are sampled. Give what the experiment's own Sample stage has. */
export interface SampleOptions {
  /** Answers a question. Default 1. */
  readonly answers?: number
  /** Default 48. */
  readonly maxNewTokens?: number
  /** Default 0.8. */
  readonly temperature?: number
}

/** With every default in its place: part of a task's identity. */
export const withDefaults = (options: SampleOptions): Required<SampleOptions> => {
  const { answers = 1, maxNewTokens = 48, temperature = 0.8 } = options
  for (const [name, n] of [["answers", answers] as const, ["maxNewTokens", maxNewTokens] as const])
    if (!Number.isSafeInteger(n) || n < 1)
      throw new RangeError(`${name} must be a whole number of at least 1, not ${n}`)
  if (!Number.isFinite(temperature) || temperature < 0)
    throw new RangeError(`temperature must be at least 0, not ${temperature}`)
  return { answers, maxNewTokens, temperature }
}

/** A chat to be answered; `index` keys its random numbers. */
export interface Asked {
  readonly id: string
  readonly index: number
  readonly messages: Chat.Chat
}

type Answers = ReadonlyArray<ReadonlyArray<Reward.Completion>>

/** What has been answered by a model in a place of a run, by what was asked and how: within it the policy is one, and so are its answers. */
const known = new WeakMap<(typeof LanguageModel)["Service"], WeakMap<(typeof Step)["Service"], Map<string, Answers>>>()

/** The policy's answers to each chat, in their order; tasks of one evaluation that ask the same share them. */
export const answersTo = Effect.fnUntraced(function* (asked: ReadonlyArray<Asked>, options: Required<SampleOptions>) {
  const [lm, place] = [yield* LanguageModel, yield* Step]
  const places = known.get(lm) ?? new WeakMap<typeof place, Map<string, Answers>>()
  known.set(lm, places)
  const answers = places.get(place) ?? new Map<string, Answers>()
  places.set(place, answers)
  const question = JSON.stringify([options, asked])
  const found = answers.get(question) ?? (yield* sampled(asked, options))
  answers.set(question, found)
  return found
})

const sampled = (asked: ReadonlyArray<Asked>, options: Required<SampleOptions>) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const { by, seed } = yield* Step
    const chats = yield* lm.encodeChat(asked.map(({ messages }) => messages))
    // Asked together, so that a local model batches them. Step 0 whatever the update: before and after share their random numbers,
    // so their difference is the policy's.
    return yield* Effect.forEach(
      asked,
      ({ id, index, messages }, i) =>
        Effect.gen(function* () {
          const sampling = lm.sample({
            prompt: chats[i] ?? [],
            n: options.answers,
            params: { maxNewTokens: options.maxNewTokens, temperature: options.temperature },
            key: { seed, step: 0, prompt: index },
            by,
          })
          const sampled = yield* Effect.catchTag(sampling, "BadInput", ({ expected, found, where }) =>
            Effect.fail(new Errors.BadInput({ where: `the prompt ${quote(id)}, ${where}`, found, expected })),
          )
          const texts = yield* lm.decode(sampled.map((c) => (c.finish === "stop" ? c.tokens.slice(0, -1) : c.tokens)))
          const question = messages.findLast((message) => message.role === "user")?.content ?? ""
          return sampled.map((c, j): Reward.Completion => ({
            id,
            question,
            text: texts[j] ?? "",
            finish: c.finish,
            tokens: c.tokens.length,
          }))
        }),
      { concurrency: "unbounded" },
    )
  })

/** The answers to each held-out question of the experiment, in the questions' order. */
export const heldOutAnswers = (options: Required<SampleOptions>) =>
  Effect.flatMap(
    Effect.flatMap(Data, (data) => data.heldOut),
    (prompts) => answersTo(prompts, options),
  )
