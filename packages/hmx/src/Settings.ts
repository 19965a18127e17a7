/** What is set once for a whole experiment. */
import { known, present } from "./checks.ts"
import type { Model } from "./Model.ts"
import type { Prompts } from "./Prompts.ts"
import * as StopWhen from "./StopWhen.ts"

/** An amount of device memory. */
export type Memory = `${number} GiB` | `${number} MiB` | `${number} KiB`

/** A length of time. */
export type Time = `${number} s` | `${number} min` | `${number} h`

/** What a run may use before it stops, its state saved; `hmx resume` with a greater one goes on. Not a part of what the experiment is. */
export interface Budget {
  /** Tokens of prompts and completions, as `num_tokens` counts them. */
  readonly tokens?: number | undefined
  /** Of the steps, those before a resumption as well. */
  readonly time?: Time | undefined
}

export interface Settings {
  readonly model: Model
  readonly prompts: Prompts
  /** Budget of device memory; a plan over it is refused before a weight is read. */
  readonly memory: Memory
  /** Updates of the policy. */
  readonly steps: number
  /** Keys every random number of the run. */
  readonly seed: number
  /** Stops after a step at which one of them is met, measures, and is done. */
  readonly stopWhen?: StopWhen.Condition | ReadonlyArray<StopWhen.Condition> | undefined
  /**
   * Groups of a step in work at once: as many as a judge's server takes, or as fit into memory. It changes no result, and is not a part of
   * what the experiment is. Default: all of a step.
   */
  readonly inFlight?: number | undefined
  /** No step begins that finds it used up. */
  readonly budget?: Budget | undefined
}

/** An amount of memory in bytes; NaN where it is not an amount. */
export const bytes = (memory: string): number => {
  const [, count, unit] = /^(\d+(?:\.\d+)?) ([GMK])iB$/.exec(memory) ?? []
  return count === undefined ? Number.NaN : Number(count) * 2 ** (unit === "G" ? 30 : unit === "M" ? 20 : 10)
}

/** A length of time in seconds; NaN where it is not one. */
export const seconds = (time: string): number => {
  const found = /^(\d+(?:\.\d+)?) (s|min|h)$/.exec(time)
  return found === null ? Number.NaN : Number(found[1]) * (found[2] === "s" ? 1 : found[2] === "min" ? 60 : 3600)
}

const checkedBudget = (budget: Budget): void => {
  known("budget", budget, ["tokens", "time"])
  const { time, tokens } = budget
  if (tokens !== undefined && (!Number.isSafeInteger(tokens) || tokens < 1))
    throw new RangeError(`budget.tokens must be a whole number of at least 1, not ${tokens}`)
  if (time !== undefined && !(seconds(time) > 0))
    throw new RangeError(`budget.time must be a length such as "90 s", "20 min" or "2 h", not "${time}"`)
}

const checkedCondition = (condition: StopWhen.Condition): void => {
  if (typeof condition !== "object" || condition === null || !("kind" in condition))
    throw new RangeError(
      `stopWhen must be a condition such as StopWhen.metric("kl").above(0.5), not ${String(condition)}`,
    )
}

/** Refuses what the types let through: a computed number that is not a count. */
export const checked = (settings: Settings): Settings => {
  known("Experiment.make", settings, ["model", "prompts", "memory", "steps", "seed", "stopWhen", "budget", "inFlight"])
  const { budget, inFlight, memory, model, prompts, seed, steps, stopWhen } = settings
  for (const [name, given] of Object.entries({ model, prompts, memory, steps, seed })) present(name, given)
  if (!(bytes(memory) > 0))
    throw new RangeError(`memory must be an amount such as "2 GiB" or "512 MiB", not "${memory}"`)
  if (!Number.isSafeInteger(steps) || steps < 1)
    throw new RangeError(`steps must be a whole number of at least 1, not ${steps}`)
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RangeError(`seed must be a whole number of at least 0, not ${seed}`)
  if (!Number.isSafeInteger(prompts.perStep) || prompts.perStep < 1) {
    throw new RangeError(`perStep must be a whole number of at least 1, not ${prompts.perStep}`)
  }
  if (inFlight !== undefined && (!Number.isSafeInteger(inFlight) || inFlight < 1))
    throw new RangeError(`inFlight must be a whole number of at least 1, not ${inFlight}`)
  if (budget !== undefined) checkedBudget(budget)
  StopWhen.list(stopWhen).forEach(checkedCondition)
  return settings
}
