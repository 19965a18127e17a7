/** Walks the real stages once over a model that computes nothing: what each asks of it, and what it holds. */
import * as Effect from "effect/Effect"
import {
  Artefact,
  Data,
  type Experiment,
  LanguageModel,
  type ModelShape,
  Rehearsing,
  RemoteJudge,
  Stage,
  Step,
} from "hmx"
import { dataService, type Locate } from "../dataService.ts"
import { draw } from "../Draw.ts"
import { isEvaluate, measures } from "../measuring.ts"
import type { Questions } from "../Questions.ts"
import { heldBy } from "./heldBy.ts"
import { type Place, remembered } from "./Remembered.ts"
import type * as Planned from "./Planned.ts"
import { newTokensOf, Rehearsal, type Tokenizer } from "./Rehearsal.ts"

/** What one stage did in the rehearsal of a step, or of an evaluation. */
export interface Rehearsed {
  /** Null where it failed, or was not reached: what it asks and holds is not known then. */
  readonly tokens: Planned.Tokens | null
  /** The most tokens that one answer may have; 0 where none is sampled. */
  readonly newTokens: number
  readonly parts: ReadonlyArray<Stage.Reservation> | null
}

export interface Given {
  readonly questions: Questions
  readonly locate: Locate
  readonly tokenizer: Tokenizer
  /** Where is remembered what stages that measure came to. Default: nowhere. */
  readonly remembered?: Place | undefined
  /** Only these stages are walked. Default: all. */
  readonly only?: (stage: Stage.Any) => boolean
}

/** Answers of a rehearsal are all alike to many a reward: advantages that differ are what there is to train on. */
const lively = (made: Artefact.Any): Artefact.Any =>
  made instanceof Artefact.Advantages
    ? new Artefact.Advantages({ values: made.values.map((_, i) => (i % 2 === 0 ? 1 : -1)), mean: 0, std: 1 })
    : made

/**
 * A stage that waits for the world would hold up its plan: it is not known then. Counts bound what is computed (`Rehearsal`), to a small
 * part of this, so that no clock decides a figure.
 */
const patience = "1 minute"

/** A server that has an opinion of everything. */
const judge = RemoteJudge.of({
  read: (readings) =>
    Effect.succeed(
      readings.map(({ continuations }, i) => ({ logprobs: continuations.map((_, j) => -1 - ((i * j) % 5)) })),
    ),
})

/** A stage's work on what it needs, by the artefacts' tags. */
const asked = (stage: Stage.Any, of: (tag: string) => unknown) =>
  Stage.run<Stage.Any>(stage, Object.fromEntries(stage.needs.map((tag) => [tag, of(tag)])))

/**
 * One entry a stage, in the pipeline's order. What a stage prints or asks of the world it does here as well, as in a law's trial. A stage
 * that measures asks nothing of those before it, and is rehearsed apart from them.
 */
export const rehearse = Effect.fnUntraced(function* (experiment: Experiment.Any, shape: ModelShape, given: Given) {
  const { locate, questions, tokenizer } = given
  const { prompts, seed, steps } = experiment.settings
  const data = yield* dataService(questions, locate)
  const done = experiment.stages.map((): Rehearsed => ({ tokens: null, newTokens: 0, parts: null }))
  const policy = { base: "", adapter: "", step: 0 }
  const rows = draw(questions.train, prompts.perStep, seed, 1).map(
    (prompt) => new Map<string, Artefact.Any>([["prompt", prompt]]),
  )
  const closed = new Map<string, unknown>()
  const walk = Effect.fnUntraced(function* (stage: Stage.Any) {
    if (isEvaluate(stage)) {
      const measured = new Artefact.Policy({ ref: policy, updated: true, metrics: {} })
      yield* Stage.run<Stage.Any>(stage, { policy: measured })
    } else if (stage.grain === "group") {
      for (const row of rows) {
        const made: Artefact.Any = yield* asked(stage, (tag) => row.get(tag))
        row.set(made._tag, lively(made))
      }
    } else {
      const made: Artefact.Any = yield* asked(
        stage,
        (tag) => closed.get(tag) ?? rows.flatMap((row) => row.get(tag) ?? []),
      )
      closed.set(made._tag, made)
    }
  })
  const place = Step.of({ seed, step: 1, steps, policy, by: { adapter: "policy" }, adapter: "policy" })
  const ofSteps = new Rehearsal(shape, tokenizer)
  let broken = false
  const all = Effect.gen(function* () {
    for (const [index, stage] of experiment.stages.entries()) {
      if (given.only?.(stage) === false || (broken && !measures(stage))) continue
      const rehearsed = Effect.fnUntraced(function* (files: (typeof Data)["Service"]) {
        const rehearsal = measures(stage) ? new Rehearsal(shape, tokenizer) : ofSteps
        // A stage that asks for what is not here cannot be rehearsed; that is all that is known then.
        const went = yield* walk(stage).pipe(
          Effect.provideService(Data, files),
          Effect.provideService(LanguageModel, rehearsal.service),
          Effect.provideService(Rehearsing, rehearsal.choosing),
          Effect.as(true),
          Effect.catchCause(() => Effect.succeed(false)),
        )
        const { calls, tokens } = rehearsal.taken()
        return went ? { tokens, newTokens: newTokensOf(calls), parts: heldBy(shape, calls, stage) } : undefined
      })
      const at = measures(stage) ? given.remembered : undefined
      const asking = { at, stage, shape, tokenizer: tokenizer.digest, seed, steps, questions, locate }
      const found = yield* remembered(asking, data, rehearsed)
      if (found !== undefined) done[index] = found
      else if (!measures(stage)) broken = true
    }
  })
  yield* all.pipe(
    Effect.provideService(Step, place),
    Effect.provideService(RemoteJudge, judge),
    Effect.timeoutOption(patience),
  )
  return done
})
