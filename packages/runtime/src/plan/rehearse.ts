/** Walks the real stages once over a model that computes nothing: what each asks of it, and what it holds. */
import * as Effect from "effect/Effect"
import { Artefact, Data, type Experiment, LanguageModel, type ModelShape, RemoteJudge, Stage, Step } from "hmx"
import { dataService, type Locate } from "../dataService.ts"
import { draw } from "../Draw.ts"
import { isEvaluate } from "../measuring.ts"
import type { Questions } from "../Questions.ts"
import { heldBy } from "./heldBy.ts"
import type * as Planned from "./Planned.ts"
import { bytewise, newTokensOf, Rehearsal, tokensOf, type Tokenizer } from "./Rehearsal.ts"

/** What one stage did in the rehearsal of a step, or of an evaluation. */
export interface Rehearsed {
  /** Null where it failed, or was not reached. */
  readonly tokens: Planned.Tokens | null
  /** The most tokens that one answer may have; 0 where none is sampled. */
  readonly newTokens: number
  readonly parts: ReadonlyArray<Stage.Reservation>
}

export interface Rehearsing {
  readonly questions: Questions
  readonly locate: Locate
  readonly tokenizer?: Tokenizer | undefined
  /** Only these stages are walked. Default: all. */
  readonly only?: (stage: Stage.Any) => boolean
}

/** Answers of a rehearsal are all alike to many a reward: advantages that differ are what there is to train on. */
const lively = (made: Artefact.Any): Artefact.Any =>
  made instanceof Artefact.Advantages
    ? new Artefact.Advantages({ values: made.values.map((_, i) => (i % 2 === 0 ? 1 : -1)), mean: 0, std: 1 })
    : made

/** What a stage waits for is not waited for long: it is not known then. */
const patience = "5 seconds"

/** A server that has an opinion of everything. */
const judge = RemoteJudge.of({
  read: (readings) =>
    Effect.succeed(
      readings.map(({ continuations }, i) => ({ logprobs: continuations.map((_, j) => -1 - ((i * j) % 5)) })),
    ),
})

/** One entry a stage, in the pipeline's order. What a stage prints or asks of the world it does here as well, as in a law's trial. */
export const rehearse = Effect.fnUntraced(function* (experiment: Experiment.Any, shape: ModelShape, given: Rehearsing) {
  const { locate, questions, tokenizer = bytewise } = given
  const { prompts, seed, steps } = experiment.settings
  const rehearsal = new Rehearsal(shape, tokenizer)
  const data = yield* dataService(questions, locate)
  const done = experiment.stages.map((): Rehearsed => ({ tokens: null, newTokens: 0, parts: [] }))
  const policy = { base: "", adapter: "", step: 0 }
  const note = (index: number, stage: Stage.Any): void => {
    const calls = rehearsal.taken()
    const before = done[index]?.tokens
    const now = tokensOf(calls)
    const tokens = {
      read: (before?.read ?? 0) + now.read,
      written: (before?.written ?? 0) + now.written,
      trained: (before?.trained ?? 0) + now.trained,
    }
    const newTokens = Math.max(done[index]?.newTokens ?? 0, newTokensOf(calls))
    done[index] = { tokens, newTokens, parts: heldBy(shape, calls, stage) }
  }
  const rows = draw(questions.train, prompts.perStep, seed, 1).map(
    (prompt) => new Map<string, Artefact.Any>([["prompt", prompt]]),
  )
  const closed = new Map<string, unknown>()
  const walk = Effect.gen(function* () {
    for (const [index, stage] of experiment.stages.entries()) {
      rehearsal.taken()
      if (given.only?.(stage) === false) continue
      if (isEvaluate(stage)) {
        yield* Stage.run<Stage.Any>(stage, { policy: new Artefact.Policy({ ref: policy, updated: true, metrics: {} }) })
      } else if (stage.grain === "group") {
        for (const row of rows) {
          const made: Artefact.Any = yield* Stage.run<Stage.Any>(
            stage,
            Object.fromEntries(stage.needs.map((tag) => [tag, row.get(tag)])),
          )
          row.set(made._tag, lively(made))
        }
      } else {
        const all = (tag: string) => closed.get(tag) ?? rows.flatMap((row) => row.get(tag) ?? [])
        const made: Artefact.Any = yield* Stage.run<Stage.Any>(
          stage,
          Object.fromEntries(stage.needs.map((tag) => [tag, all(tag)])),
        )
        closed.set(made._tag, made)
      }
      note(index, stage)
    }
  })
  const place = Step.of({ seed, step: 1, steps, policy, by: { adapter: "policy" }, adapter: "policy" })
  yield* walk.pipe(
    Effect.provideService(LanguageModel, rehearsal.service),
    Effect.provideService(Data, data),
    Effect.provideService(Step, place),
    Effect.provideService(RemoteJudge, judge),
    Effect.timeoutOption(patience),
    // A stage that asks for what is not here cannot be rehearsed; that is all that is known then.
    Effect.catchCause(() => Effect.void),
  )
  return {
    stages: done,
    tokens: (text: string) => rehearsal.tokens(text).length,
    chat: (chat: Parameters<Tokenizer["render"]>[0]) => rehearsal.tokens(tokenizer.render(chat)).length,
  }
})
