/**
 * How a reward becomes verdicts. What has to be asked of a model is first gathered as data (`plan`), asked in one call, and put
 * together again; all arithmetic is pure.
 */
import * as Effect from "effect/Effect"
import type { Verdict } from "./Artefact.ts"
import type { Chat } from "./Chat.ts"
import { BadInput } from "./Errors.ts"
import { face } from "./face.ts"
import { type Adapter, LanguageModel } from "./LanguageModel.ts"
import { RemoteJudge, Tried } from "./RemoteJudge.ts"
import type { Completion, Mix, Plain, Range, Reward } from "./Reward.ts"
import * as Rubric from "./Rubric.ts"

/** A question to a judge: how probable is each continuation after this chat? */
export interface Reading {
  readonly chat: Chat
  readonly continuations: ReadonlyArray<string>
}

/** Log-probability of each continuation, or why there is none. */
export type Result = { readonly logprobs: ReadonlyArray<number> } | { readonly failed: string }

/** What becomes of an answer that was cut off at the token limit. */
export type Unfinished = "lowest" | "judge" | "unscored"

/** What is to be read for one completion, and its verdict given what was read. */
export interface Plan {
  readonly readings: ReadonlyArray<Reading>
  readonly verdict: (results: ReadonlyArray<Result>) => Verdict
}

const scored = (score: number, parts: { readonly [name: string]: number }): Verdict => ({
  _tag: "Scored",
  score,
  parts,
})
const unscored = (reason: string): Verdict => ({ _tag: "Unscored", reason })
const settled = (verdict: Verdict): Plan => ({ readings: [], verdict: () => verdict })

/** What a reward asks about a completion. */
export const plan = (reward: Reward, completion: Completion, unfinished: Unfinished = "judge"): Plan => {
  if (completion.finish === "length" && unfinished === "lowest") return settled(scored(reward.range.min, {}))
  if (completion.finish === "length" && unfinished === "unscored")
    return settled(unscored("cut off at the token limit"))
  if (reward.kind === "function") return settled(byFunction(reward, completion))
  return reward.kind === "rubric" ? byRubric(reward, completion) : byMix(reward, completion)
}

const byFunction = (reward: Plain, completion: Completion): Verdict => {
  let score: number | undefined
  try {
    // `make` ties `options` to what `score` takes; the pair is kept together in the value.
    score = reward.score(completion, face(reward.options))
  } catch (error) {
    return unscored(`${reward.name} threw: ${String(error).slice(0, 200)}`)
  }
  if (score === undefined) return unscored(`${reward.name} has no verdict`)
  return within(reward, score, {})
}

const byRubric = (rubric: Rubric.Rubric, completion: Completion): Plan => ({
  readings: rubric.criteria.map((criterion) => ({
    chat: Rubric.prompt(rubric, criterion, completion),
    continuations: rubric.readOut.continuations,
  })),
  verdict: (results) => {
    const parts: Record<string, number> = {}
    let sum = 0
    let weights = 0
    for (const [i, criterion] of rubric.criteria.entries()) {
      const result = results[i] ?? { failed: "it was not read" }
      if ("failed" in result) return unscored(`${rubric.name}: ${criterion.name}: ${result.failed}`)
      const place = Rubric.place(rubric.readOut, result.logprobs)
      if (place === undefined) return unscored(`${rubric.name}: ${criterion.name}: the judge gave no probabilities`)
      const read = rubric.range.min + place * (rubric.range.max - rubric.range.min)
      parts[criterion.name] = read
      sum += criterion.weight * read
      weights += criterion.weight
    }
    const mean = sum / weights
    return scored(clamp(rubric.reverse ? rubric.range.min + rubric.range.max - mean : mean, rubric.range), parts)
  },
})

const byMix = (mix: Mix, completion: Completion): Plan => {
  const plans = mix.parts.map((part) => ({ ...part, plan: plan(part.reward, completion) }))
  return {
    readings: plans.flatMap((part) => part.plan.readings),
    verdict: (results) => {
      const parts: Record<string, number> = {}
      let from = 0
      let sum = 0
      let weights = 0
      for (const part of plans) {
        const to = from + part.plan.readings.length
        const verdict = part.plan.verdict(results.slice(from, to))
        from = to
        if (verdict._tag === "Unscored") return verdict
        parts[part.reward.name] = verdict.score
        for (const [name, read] of Object.entries(verdict.parts)) parts[`${part.reward.name}/${name}`] = read
        sum += part.weight * verdict.score
        weights += part.weight
      }
      return scored(clamp(sum / weights, mix.range), parts)
    },
  }
}

/** A number outside the declared range is a mistake in the reward, and never trained on. */
const within = (reward: Reward, score: number, parts: { readonly [name: string]: number }): Verdict =>
  score >= reward.range.min && score <= reward.range.max
    ? scored(score, parts)
    : unscored(`${reward.name} gave ${score}, outside its range of ${reward.range.min} to ${reward.range.max}`)

/** Takes the last bit of rounding off a mean of numbers that are each within the range. */
const clamp = (score: number, range: Range): number => Math.min(range.max, Math.max(range.min, score))

/** Times that a judge is asked again for a verdict that it did not give. */
export const askAgain = 2

/** Answers readings, in their order; `again` is how often they were asked before. */
export type Reader<E, R> = (
  readings: ReadonlyArray<Reading>,
  again: number,
) => Effect.Effect<ReadonlyArray<Result>, E, R>

/** Reads by the language model: the base alone or with an adapter. All readings go in one `choices` call. */
export const local = (by: Adapter) => (readings: ReadonlyArray<Reading>) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const words = [...new Set(readings.flatMap((r) => r.continuations))]
    const contexts = yield* lm.encodeChat(readings.map((r) => r.chat))
    const encoded = yield* lm.encode(words)
    const lost = words.find((_, i) => (encoded[i] ?? []).length === 0)
    if (lost !== undefined) {
      return yield* new BadInput({
        where: "read-out",
        found: `"${lost}", which the model's tokenizer turns into nothing`,
        expected: "continuations of at least one token",
      })
    }
    const tokens = new Map(words.map((word, i) => [word, encoded[i] ?? []]))
    const choices = yield* lm.choices(
      readings.map((reading, i) => ({
        context: contexts[i] ?? [],
        continuations: reading.continuations.map((word) => tokens.get(word) ?? []),
        by,
      })),
    )
    return choices.map((choice): Result => ({ logprobs: choice.logprobs }))
  })

/** Reads by the `RemoteJudge` service. */
export const remote = (readings: ReadonlyArray<Reading>, again: number) =>
  Effect.gen(function* () {
    const tried = yield* Tried
    return yield* (yield* RemoteJudge).read(readings, tried * (askAgain + 1) + again)
  })

/** Reads, and asks again for what failed, by itself; what fails to the end stays so. */
const patiently = <E, R>(readings: ReadonlyArray<Reading>, reader: Reader<E, R>) =>
  Effect.gen(function* () {
    const results: Array<Result | undefined> = readings.map(() => undefined)
    for (let again = 0; again <= askAgain; again++) {
      const open = readings.flatMap((reading, i) => {
        const result = results[i]
        return result === undefined || "failed" in result ? [{ reading, i }] : []
      })
      if (open.length === 0) break
      const read = yield* reader(
        open.map(({ reading }) => reading),
        again,
      )
      for (const [k, { i }] of open.entries()) results[i] = read[k]
    }
    return results.map((result): Result => result ?? { failed: "it was not read" })
  })

/**
 * One verdict a completion, in their order. Whatever has to be read, of all completions and all criteria, is asked at once; what fails is
 * asked again, twice at most, and then the completion is unscored. `unfinished` (default "judge") says what an answer cut off at the token
 * limit is worth.
 */
export const score = <E, R>(
  reward: Reward,
  completions: ReadonlyArray<Completion>,
  reader: Reader<E, R>,
  unfinished?: Unfinished,
): Effect.Effect<ReadonlyArray<Verdict>, E, R> =>
  Effect.gen(function* () {
    const plans = completions.map((completion) => plan(reward, completion, unfinished))
    const readings = plans.flatMap((p) => p.readings)
    const results = yield* patiently(readings, reader)
    let from = 0
    return plans.map((p) => p.verdict(results.slice(from, (from += p.readings.length))))
  })
