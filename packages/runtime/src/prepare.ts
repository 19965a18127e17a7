/** The start of a fresh run. */
import * as Effect from "effect/Effect"
import { type Experiment, Stage, Step } from "hmx"
import { adapter } from "./loop.ts"
import type * as Pieces from "./store/Pieces.ts"

/** What the stages do at the start of a fresh run; the cursor before its first step. */
export const prepare = Effect.fnUntraced(function* (experiment: Experiment.Any, base: string, pieces: Pieces.Pieces) {
  const { inFlight, prompts, seed, steps } = experiment.settings
  let policy = { base, adapter: "", step: 0 }
  for (const stage of experiment.stages) {
    const prepared = Stage.prepare(stage)
    if (prepared === undefined) continue
    const place = Step.of({ seed, step: 0, steps, policy, by: "base", adapter })
    policy = { ...policy, adapter: yield* Effect.provideService(prepared, Step, place) }
    yield* pieces.prepared(stage, policy.adapter)
  }
  return {
    step: 0,
    policy,
    skipped: {},
    inFlight: Math.min(inFlight ?? prompts.perStep, prompts.perStep),
    microBatchGroups: null,
    optimiser: "",
    tokens: 0,
  }
})
