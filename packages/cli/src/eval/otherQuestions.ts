/** Whether a run's figures before and after training are of the same questions. */
import { escape } from "@hmx/report"
import type { RunFolder } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { inCommon } from "./inCommon.ts"
import { loadEvaluation } from "./loadEvaluation.ts"

/**
 * Sentences on tasks whose items after training are not those before it: a data file was changed while the run was at work, or it went on
 * with another one by --force. Records that cannot be read say nothing.
 */
export const otherQuestions = (run: RunFolder.Result & { readonly folder: string }) =>
  Effect.gen(function* () {
    const { evaluations, folder, steps } = run
    if (steps === 0 || ![0, steps].every((of) => evaluations.some(({ step }) => step === of))) return []
    const found = inCommon([
      { name: "before", evaluation: yield* loadEvaluation(folder, 0) },
      { name: "after", evaluation: yield* loadEvaluation(folder, steps) },
    ])
    if (Result.isFailure(found)) return [`before and after are not to be compared: ${found.failure.message}`]
    return found.success.cuts.map(({ items, sides, task }) => {
      const of = sides.map((side) => `${side.items} ${side.name}`).join(", ")
      return `${escape(task, 100)}: before and after are not of the same items (${of}, ${items} in both)`
    })
  }).pipe(Effect.orElseSucceed((): ReadonlyArray<string> => []))
