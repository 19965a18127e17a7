/** Everything that can be known of an experiment before a weight is read or a byte is written. */
import * as Effect from "effect/Effect"
import { Experiment, type ModelShape } from "hmx"
import type { Locate } from "./dataService.ts"
import { identify } from "./digest.ts"
import { Miswired } from "./Failures.ts"
import * as Memory from "./Memory.ts"
import * as Questions from "./Questions.ts"

/**
 * Checks the wiring, reads the prompts and plans memory. `plan.fits` says whether the budget holds; a run wants `Memory.fit`.
 */
export const check = Effect.fnUntraced(function* (experiment: Experiment.Any, shape: ModelShape, locate: Locate) {
  const problems = Experiment.problems(experiment)
  if (problems.length > 0) return yield* new Miswired({ problems })
  const questions = yield* Questions.load(experiment.settings.prompts, locate)
  const tokens = Memory.promptTokens([...questions.train, ...questions.heldOut])
  return { questions, memory: Memory.plan(experiment, shape, tokens), identity: identify(experiment, questions) }
})
