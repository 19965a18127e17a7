/** Advantages whose scale is the whole step's (TRL's `scale_rewards="batch"`; arXiv 2508.08221). */
import { groupAdvantages, type GroupAdvantages } from "./groupAdvantages.ts"
import { pooled, type Statistics } from "./statistics.ts"

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
  const { std } = pooled(centred.map(statisticsOf))
  return centred.map((group) => ({
    ...group,
    values: group.values.map((v) => (v === null ? null : v / (std + options.stdEpsilon))),
  }))
}

/** What `pooled` takes of a group. */
export const statisticsOf = ({ mean, std, values }: GroupAdvantages): Statistics => ({
  n: values.filter((v) => v !== null).length,
  mean,
  std,
})
