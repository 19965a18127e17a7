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
    /** Of what stays: what it alone reads, and others can do without. */
    readonly idle: number
    /** What is on the host while it runs, of what stays; 0 where the budget has room for all. */
    readonly offloads: number
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
  const all = Experiment.reservations(experiment, shape, Math.min(promptTokens, shape.context), tokens)
  const budget = Settings.bytes(experiment.settings.memory)
  const weights = Closed.weightsBytes(shape)
  const stays = sum(all.filter((h) => h.stays === true))
  const unknown = [{ part: notKnown, bytes: Math.max(0, budget - weights - stays) }]
  const within: Plan = {
    budget,
    weights,
    stays,
    stages: experiment.stages.map(({ name, reserve }, index) => {
      const of = all.filter((h) => h.index === index)
      const own = of.filter((h) => h.stays !== true).map(({ bytes, part }) => ({ part, bytes }))
      const parts = reserve === undefined ? (rehearsed === undefined ? [] : (rehearsed(index) ?? unknown)) : own
      const idle = sum(of.filter((h) => h.stays === true && h.idle === true))
      return { stage: name, bytes: sum(parts), parts, idle, offloads: 0 }
    }),
  }
  const without = offloaded(within)
  return most(within) > within.budget && most(without) <= without.budget ? without : within
}

/** The plan with idle state on the host while other stages hold something: from an update's end to the next one. */
export const offloaded = (plan: Plan): Plan => {
  const idle = plan.stages.reduce((all, stage) => all + stage.idle, 0)
  const stages = plan.stages.map((one) => (one.idle > 0 || one.bytes === 0 ? one : { ...one, offloads: idle }))
  return { ...plan, stages }
}

/** What is there while a stage runs. */
export const held = (
  { stays, weights }: Plan,
  { bytes, offloads }: { readonly bytes: number; readonly offloads: number },
): number => weights + stays - offloads + bytes

/** The most that is held at one time: by the stage that needs most. */
export const most = (plan: Plan): number =>
  plan.stages.reduce((greatest, stage) => Math.max(greatest, held(plan, stage)), plan.weights + plan.stays)

/** Refuses a plan of which one stage, beside what is always there, does not fit into the budget; with the `changes` that would do. */
export const fit = (plan: Plan, changes?: () => ReadonlyArray<Change>): Effect.Effect<Plan, OverBudget> =>
  most(plan) > plan.budget
    ? Effect.suspend(() => Effect.fail(new OverBudget({ ...plan, ...(changes && { changes: changes() }) })))
    : Effect.succeed(plan)
