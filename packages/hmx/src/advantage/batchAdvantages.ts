/** Advantages whose scale is the whole step's (TRL's `scale_rewards="batch"`; arXiv 2508.08221). */
import { groupAdvantages, type GroupAdvantages } from "./groupAdvantages.ts"
import { pooled } from "./statistics.ts"

/** Differences to each group's mean, divided by the standard deviation of all rewards + stdEpsilon. */
export const batchAdvantages = (
  groups: ReadonlyArray<ReadonlyArray<number | null>>,
  options: { readonly stdEpsilon: number },
): ReadonlyArray<GroupAdvantages> =>
  byBatch(
    groups.map((rewards) => groupAdvantages(rewards, { scale: "none", ...options })),
    options,
  )

/** The same from groups that were each centred on their mean ("none"). */
export const byBatch = (
  centred: ReadonlyArray<GroupAdvantages>,
  options: { readonly stdEpsilon: number },
): ReadonlyArray<GroupAdvantages> => {
  const { std } = ofBatch(centred)
  return centred.map((group) => ({
    ...group,
    values: group.values.map((v) => (v === null ? null : v / (std + options.stdEpsilon))),
  }))
}

/** Mean and deviation of all scored rewards of a step: TRL's `reward` and `reward_std`. */
export const ofBatch = (
  groups: ReadonlyArray<GroupAdvantages>,
): { readonly n: number; readonly mean: number; readonly std: number } =>
  pooled(groups.map(({ mean, std, values }) => ({ n: values.filter((v) => v !== null).length, mean, std })))
