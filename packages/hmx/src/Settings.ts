/** What is set once for a whole experiment. */
import { known, present } from "./checks.ts"
import type { Model } from "./Model.ts"
import type { Prompts } from "./Prompts.ts"

/** An amount of device memory. */
export type Memory = `${number} GiB` | `${number} MiB`

export interface Settings {
  readonly model: Model
  readonly prompts: Prompts
  /** Budget of device memory; a plan over it is refused before a weight is read. */
  readonly memory: Memory
  /** Updates of the policy. */
  readonly steps: number
  /** Keys every random number of the run. */
  readonly seed: number
}

/** An amount of memory in bytes; NaN where it is not an amount. */
export const bytes = (memory: string): number => {
  const found = /^(\d+(?:\.\d+)?) (GiB|MiB)$/.exec(memory)
  return found === null ? Number.NaN : Number(found[1]) * (found[2] === "GiB" ? 2 ** 30 : 2 ** 20)
}

/** Refuses what the types let through: a computed number that is not a count. */
export const checked = (settings: Settings): Settings => {
  known("Experiment.make", settings, ["model", "prompts", "memory", "steps", "seed"])
  const { memory, model, prompts, seed, steps } = settings
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
  return settings
}
