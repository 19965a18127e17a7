/** The plan of memory: weights and what each stage holds beside them, against the experiment's budget. */
import * as Effect from "effect/Effect"
import { Experiment, Memory as Closed, type ModelShape, Settings, type Stage } from "hmx"
import { OverBudget } from "./Failures.ts"
import type { Change } from "./plan/smallest.ts"

/** All in bytes; one entry a stage, in the pipeline's order. */
export interface Plan {
  readonly budget: number
  /** As the engine holds them, with what stands beside them from the start. */
  readonly weights: number
  /** What stages keep from the run's start to its end: adapter and optimiser. */
  readonly stays: number
  /** What each holds beside both while it runs, and of what that is made. */
  readonly stages: ReadonlyArray<{
    readonly stage: string
    readonly bytes: number
    readonly parts: ReadonlyArray<Stage.Reservation>
  }>
}

const sum = (parts: ReadonlyArray<Stage.Reservation>): number => parts.reduce((all, { bytes }) => all + bytes, 0)

/** What a plan may know beside the experiment. */
export interface Known {
  /** Counts the tokens of a text: see `Stage.Load`. */
  readonly tokens?: Stage.Load["tokens"]
  /** What a stage holds that says nothing of itself, by its place in the pipeline; null where that is not known. */
  readonly rehearsed?: (index: number) => ReadonlyArray<Stage.Reservation> | null
}

/** The part of a stage of which nothing could be found out: all that the budget leaves is kept for it, so that it has what there is. */
export const notKnown = "not known"

/** What an experiment reserves for prompts of up to that many tokens. */
export const plan = (
  experiment: Experiment.Any,
  shape: ModelShape,
  promptTokens: number,
  { rehearsed, tokens }: Known = {},
): Plan => {
  const held = Experiment.reservations(experiment, shape, Math.min(promptTokens, shape.context), tokens)
  const budget = Settings.bytes(experiment.settings.memory)
  const weights = Closed.weightsBytes(shape)
  const stays = sum(held.filter((h) => h.stays === true))
  const unknown = [{ part: notKnown, bytes: Math.max(0, budget - weights - stays) }]
  return {
    budget,
    weights,
    stays,
    stages: experiment.stages.map(({ name, reserve }, index) => {
      const own = held.filter((h) => h.index === index && h.stays !== true).map(({ bytes, part }) => ({ part, bytes }))
      const parts = reserve === undefined ? (rehearsed === undefined ? [] : (rehearsed(index) ?? unknown)) : own
      return { stage: name, bytes: sum(parts), parts }
    }),
  }
}

/** The most that is held at one time: by the stage that needs most. */
export const most = ({ stages, stays, weights }: Plan): number =>
  weights + stays + stages.reduce((greatest, { bytes }) => Math.max(greatest, bytes), 0)

/** Refuses a plan of which one stage, beside what is always there, does not fit into the budget; with the `changes` that would do. */
export const fit = (plan: Plan, changes?: () => ReadonlyArray<Change>): Effect.Effect<Plan, OverBudget> =>
  most(plan) > plan.budget
    ? Effect.suspend(() => Effect.fail(new OverBudget({ ...plan, ...(changes && { changes: changes() }) })))
    : Effect.succeed(plan)
