/** Everything that can be known of an experiment before a weight is read or a byte is written. */
import * as Effect from "effect/Effect"
import { Errors, Experiment, type ModelShape } from "hmx"
import type { Locate } from "./dataService.ts"
import { identify } from "./identify.ts"
import { Miswired } from "./Failures.ts"
import { tasksOf } from "./measuring.ts"
import { inContext } from "./inContext.ts"
import { type Planning, planMemory, tokenizerOf } from "./plan/planMemory.ts"
import { smallest } from "./plan/smallest.ts"
import * as Questions from "./Questions.ts"

/**
 * Checks the wiring, reads the prompts and plans memory; whether the budget holds, `Memory.fit` says, and which `changes` would fit.
 */
export const check = Effect.fnUntraced(function* (experiment: Experiment.Any, model: Planning, locate: Locate) {
  const questions = yield* checked(experiment, model, locate)
  const { of } = yield* planMemory(experiment, model, { everything: false, questions, locate })
  return {
    questions,
    memory: of(experiment),
    changes: () => smallest(experiment, of),
    identity: yield* identify(experiment, questions, locate),
  }
})

/** The wiring, lengths and questions; the questions. */
export const checked = Effect.fnUntraced(function* (experiment: Experiment.Any, model: Planning, locate: Locate) {
  const { shape } = model
  const problems = Experiment.problems(experiment)
  if (problems.length > 0) return yield* new Miswired({ problems })
  yield* lengths(experiment, shape)
  const questions = yield* Questions.load(experiment.settings.prompts, locate)
  yield* heldOut(experiment, questions, locate)
  const tokenizer = yield* tokenizerOf(model)
  if (tokenizer !== undefined) yield* inContext(experiment, shape.context, questions, tokenizer)
  return questions
})

/** Refuses an answer as long as the model's context: its prompt would have no room. */
const lengths = Effect.fnUntraced(function* ({ stages }: Experiment.Any, { context }: ModelShape) {
  for (const { name, options } of stages.flatMap((stage) => [stage, ...tasksOf(stage)])) {
    if (!("maxNewTokens" in options) || typeof options.maxNewTokens !== "number") continue
    if (options.maxNewTokens < context) continue
    yield* new Errors.BadInput({
      where: `${name}: maxNewTokens`,
      found: `${options.maxNewTokens}`,
      expected: `less than the model's context of ${context} tokens, which prompt and answer share`,
    })
  }
})

/** Refuses a task on held-out prompts where there are none: it would measure nothing, after all the training. */
const heldOut = Effect.fnUntraced(function* (
  { settings, stages }: Experiment.Any,
  questions: Questions.Questions,
  locate: Locate,
) {
  const asking = stages.flatMap(tasksOf).find(({ kind }) => kind === "held-out")
  if (asking === undefined || questions.heldOut.length > 0) return
  const { prompts } = settings
  yield* new Errors.BadInput({
    where: prompts.kind === "jsonl" ? locate(prompts.path).name : "prompts.heldOut",
    found: "no held-out prompts",
    expected: `at least one for ${asking.name} (${prompts.kind === "jsonl" ? '"split": "held-out"' : "the option heldOut"})`,
  })
})
