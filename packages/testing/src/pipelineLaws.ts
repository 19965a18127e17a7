import { type Experiment, identity, type Reward } from "hmx"
import { type Law, rewardLaws, type RewardLawsOptions } from "./rewardLaws.ts"

/** A reward that an experiment uses, and the stages and tasks that use it. */
export interface Used {
  readonly reward: Reward.Reward
  readonly by: ReadonlyArray<string>
}

const isReward = (value: unknown): value is Reward.Reward =>
  typeof value === "object" &&
  value !== null &&
  "kind" in value &&
  "range" in value &&
  (value.kind === "rubric" || value.kind === "function" || value.kind === "mix")

/** A reward, and the parts of a mix beside it: a part is tried by itself as well. */
const withParts = (reward: Reward.Reward): ReadonlyArray<Reward.Reward> =>
  reward.kind === "mix" ? [reward, ...reward.parts.flatMap((part) => withParts(part.reward))] : [reward]

/** Rewards in the options of a stage, and of the tasks among them. */
const inOptions = (value: unknown): ReadonlyArray<Reward.Reward> => {
  if (isReward(value)) return withParts(value)
  if (Array.isArray(value)) return value.flatMap(inOptions)
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(inOptions) : []
}

/** What tells two rewards apart: all that is declared of them, and their code. */
const keyOf = (reward: Reward.Reward): string => JSON.stringify(identity({ reward }))

/** Every reward and rubric that an experiment uses, each once: to train by, to hold out, and in the parts of a mix. */
export const rewardsOf = (experiment: Experiment.Any): ReadonlyArray<Used> => {
  const found = new Map<string, { readonly reward: Reward.Reward; readonly by: Set<string> }>()
  for (const stage of experiment.stages)
    for (const reward of inOptions(stage.options)) {
      const key = keyOf(reward)
      const entry = found.get(key) ?? { reward, by: new Set<string>() }
      entry.by.add(stage.name)
      found.set(key, entry)
    }
  return [...found.values()].map(({ by, reward }) => ({ reward, by: [...by] }))
}

/**
 * The laws of every reward and rubric in an experiment, for a test runner.
 *
 * @example
 * import { pipelineLaws } from "@hmx/testing"
 * import { it } from "vitest"
 * import reverse from "./pipelines/reverse.ts"
 *
 * for (const { name, run } of pipelineLaws(reverse)) it(name, run)
 */
export const pipelineLaws = (
  experiment: Experiment.Any,
  options: RewardLawsOptions = {},
): ReadonlyArray<Law & { readonly name: string }> =>
  rewardsOf(experiment).flatMap(({ reward }) =>
    rewardLaws(reward, options).map((law) => ({ ...law, name: `${reward.name}: ${law.law}` })),
  )
