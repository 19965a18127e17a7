/** The smallest changes with which an experiment fits into its budget: each option by itself, and how far it must go. */
import { Experiment, Settings, Stage } from "hmx"
import * as Memory from "../Memory.ts"

/** A change of one option (or two that belong together), and the most that the experiment then holds. */
export interface Change {
  readonly option: string
  readonly was: string
  readonly now: string
  readonly most: number
}

type Plan = (experiment: Experiment.Any) => Memory.Plan

const withOption = (x: Experiment.Any, stage: string, option: string, to: unknown): Experiment.Any => ({
  ...x,
  stages: x.stages.map((s) => (s.name === stage ? Stage.change(s, { [option]: to }) : s)),
})
const perStep = (x: Experiment.Any, to: number): Experiment.Any => ({
  ...x,
  settings: { ...x.settings, prompts: { ...x.settings.prompts, perStep: to } },
})

/** The greatest n below `from` for which it fits: it takes less the smaller n is. */
const greatest = (from: number, least: number, fits: (n: number) => boolean): number | undefined => {
  if (from <= least || !fits(least)) return undefined
  let [low, high] = [least, from]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (fits(middle)) low = middle
    else high = middle
  }
  return low
}

const optionOf = (stage: Stage.Any, name: string): unknown =>
  name in stage.options ? Object.entries(stage.options).find(([key]) => key === name)?.[1] : undefined

/** Gentlest first: those that change no number, then those that change what is learnt. The budget that would do is the last. */
export const smallest = (experiment: Experiment.Any, plan: Plan): ReadonlyArray<Change> => {
  const { budget } = plan(experiment)
  const most = (x: Experiment.Any) => Memory.most(plan(x))
  const found: Array<Change> = []
  const add = (option: string, was: unknown, now: unknown, x: Experiment.Any): boolean => {
    const held = most(x)
    if (held > budget) return false
    found.push({ option, was: String(was), now: String(now), most: held })
    return true
  }
  const { prompts } = experiment.settings
  const update = experiment.stages.find((stage) => "recompute" in stage.options)
  const sample = experiment.stages.find((stage) => "groupSize" in stage.options)
  if (update !== undefined) {
    const { name } = update
    const whole = optionOf(update, "microBatchGroups")
    const from = typeof whole === "number" ? whole : prompts.perStep
    const all = typeof whole === "number" ? `${whole}` : "all"
    const groups = (x: Experiment.Any) =>
      greatest(from, 1, (n) => most(withOption(x, name, "microBatchGroups", n)) <= budget)
    const few = groups(experiment)
    if (few !== undefined)
      add(`${name}.microBatchGroups`, all, few, withOption(experiment, name, "microBatchGroups", few))
    const again = withOption(experiment, name, "recompute", true)
    // Of itself it recomputes as much as the budget asks for.
    if (optionOf(update, "recompute") === false && !add(`${name}.recompute`, false, true, again)) {
      const both = groups(again)
      if (both !== undefined)
        add(
          `${name}.recompute, microBatchGroups`,
          `false, ${all}`,
          `true, ${both}`,
          withOption(again, name, "microBatchGroups", both),
        )
    }
  }
  const fewer = greatest(prompts.perStep, 1, (n) => most(perStep(experiment, n)) <= budget)
  if (fewer !== undefined) add("prompts.perStep", prompts.perStep, fewer, perStep(experiment, fewer))
  for (const [option, least] of [
    ["maxNewTokens", 1],
    ["groupSize", 2],
  ] as const) {
    const from = sample === undefined ? undefined : optionOf(sample, option)
    if (sample === undefined || typeof from !== "number") continue
    const to = greatest(from, least, (n) => most(withOption(experiment, sample.name, option, n)) <= budget)
    if (to !== undefined) add(`${sample.name}.${option}`, from, to, withOption(experiment, sample.name, option, to))
  }
  // Idle state can be on the host.
  const least = Memory.most(Memory.offloaded(plan(experiment)))
  const mib = Math.ceil(least / 2 ** 20)
  return [
    ...found,
    {
      option: "memory",
      was: experiment.settings.memory,
      now: `${mib} MiB` satisfies Settings.Memory,
      most: least,
    },
  ]
}
