import * as Effect from "effect/Effect"
import type { Reward, Task } from "hmx"
import { heldOutAnswers, type SampleOptions, withDefaults } from "./answers.ts"
import { readAnswers } from "./keepAnswers.ts"

/** What is counted in an answer: a number, 0 or more. */
export type Count = (answer: Reward.Completion) => number

/**
 * Counts something in each answer to the held-out questions: measures that no judge has a part in. One figure a count: its mean an
 * answer, with the standard error over questions. `version` changes with the counts, as a stage's does with its code.
 */
export const counted = (
  name: string,
  spec: { readonly version: number; readonly counts: { readonly [metric: string]: Count } } & SampleOptions,
): Task.Task<"benchmark"> => {
  const sampling = withDefaults(spec)
  const metrics = Object.entries(spec.counts)
  const run = Effect.flatMap(heldOutAnswers(sampling), (groups) =>
    readAnswers(name, groups, (answer) =>
      Object.fromEntries(metrics.map(([metric, count]) => [metric, count(answer)])),
    ),
  )
  return {
    kind: "benchmark",
    name,
    version: spec.version,
    options: { counts: metrics.map(([metric]) => metric), ...sampling },
    run,
  }
}
