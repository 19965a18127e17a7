/** What an update is made of, from a step's rollouts and advantages: plain data, and its sums. */
import { byBatch, statisticsOf } from "../advantage/batchAdvantages.ts"
import type { GroupAdvantages } from "../advantage/groupAdvantages.ts"
import { rewardMetrics } from "../advantage/rewardMetrics.ts"
import type { Advantages, Rollouts } from "../Artefact.ts"
import type { TrainGroup } from "../LanguageModel.ts"

interface Group {
  readonly rollouts: Rollouts
  readonly advantages: GroupAdvantages
}

export interface UpdateBatch {
  /** Groups in which an advantage is not 0. */
  readonly live: ReadonlyArray<Group>
  /** What the losses divide by: of all groups, so that leaving out those without signal changes no gradient (with β = 0). */
  readonly totals: {
    readonly tokensInBatch: number
    readonly rowsInBatch: number
    readonly maxCompletionLength: number
  }
  /** Rewards of a step without signal: each scored completion has its group's mean. */
  readonly flatRewards: ReadonlyArray<number>
  /** TRL's figures of rewards and completions. */
  readonly metrics: { readonly [name: string]: number }
}

export const updateBatch = (
  rollouts: ReadonlyArray<Rollouts>,
  advantages: ReadonlyArray<Advantages>,
  options: { readonly maskTruncated: boolean },
): UpdateBatch => {
  const batch = advantages[0]?.batch
  const scaled = batch === undefined ? advantages : byBatch(advantages, batch)
  const groups = rollouts.flatMap((r, i) => {
    const a = scaled[i]
    return a === undefined ? [] : [{ rollouts: r, advantages: a }]
  })
  const completions = groups.flatMap((g) => g.rollouts.completions)
  const lengths = completions.map((c) => c.tokens.length)
  const trained = groups.flatMap((g) => g.rollouts.completions.filter((_, i) => isInLoss(g, i, options.maskTruncated)))
  return {
    live: groups.filter((g) => g.advantages.values.some((v) => v !== null && v !== 0)),
    totals: {
      tokensInBatch: trained.reduce((sum, c) => sum + c.tokens.length, 0),
      rowsInBatch: completions.length,
      maxCompletionLength: Math.max(...rollouts.map((r) => r.maxNewTokens ?? 0), ...lengths),
    },
    flatRewards: groups.flatMap((g) => g.advantages.values.filter((v) => v !== null).map(() => g.advantages.mean)),
    metrics: {
      ...rewardMetrics(
        groups.map((g) => statisticsOf(g.advantages)),
        batch === undefined ? "group" : "batch",
      ),
      "completions/mean_length": mean(lengths),
      "completions/min_length": Math.min(...lengths),
      "completions/max_length": Math.max(...lengths),
      "completions/clipped_ratio": mean(completions.map((c) => (c.finish === "length" ? 1 : 0))),
    },
  }
}

/** Unscored completions carry no gradient; those cut off keep out where `maskTruncated` says so. */
const isInLoss = (group: Group, i: number, maskTruncated: boolean): boolean =>
  (group.advantages.values[i] ?? null) !== null &&
  !(maskTruncated && group.rollouts.completions[i]?.finish === "length")

/** A group as it is trained on. `old`: with the log-probabilities of the policy that sampled. */
export const trainGroup = (
  group: Group,
  options: { readonly maskTruncated: boolean; readonly old: boolean },
): TrainGroup => ({
  prompt: group.rollouts.promptTokens,
  completions: group.rollouts.completions.map((c, i) => ({
    tokens: c.tokens,
    advantage: group.advantages.values[i] ?? 0,
    inLoss: isInLoss(group, i, options.maskTruncated),
    ...(options.old ? { oldLogprobs: c.logprobs } : {}),
  })),
})

/** How many tokens of a group are in the loss. */
export const tokensInLoss = (group: TrainGroup): number =>
  group.completions.reduce((sum, c) => sum + (c.inLoss === false ? 0 : c.tokens.length), 0)

const mean = (ns: ReadonlyArray<number>): number => ns.reduce((a, b) => a + b, 0) / ns.length
