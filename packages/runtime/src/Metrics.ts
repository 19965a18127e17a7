/**
 * What a step's groups measure, under TRL's names (TRL 1.16, `GRPOTrainer._generate_and_score_completions`): lengths of completions in
 * tokens, rewards over all scored completions, the mean of the groups' standard deviations (n − 1, as torch's), or the whole batch's
 * where advantages are scaled by it.
 */
import type { Artefact } from "hmx"

/** What is measured of one group; artefacts that its pipeline does not make are absent. */
export interface Group {
  readonly rollouts?: Artefact.Rollouts
  readonly verdicts?: Artefact.Verdicts
  readonly advantages?: Artefact.Advantages
}
type Metrics = { readonly [name: string]: number }

const sum = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a + b, 0)
const mean = (xs: ReadonlyArray<number>): number => sum(xs) / xs.length
const least = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => Math.min(a, b))
const most = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => Math.max(a, b))

/** Of a sample: Σ(x − mean)² / (n − 1); 0 for a single value. */
const std = (xs: ReadonlyArray<number>): number => {
  if (xs.length < 2) return 0
  const m = mean(xs)
  return Math.sqrt(sum(xs.map((x) => (x - m) ** 2)) / (xs.length - 1))
}

const lengths = (name: string, xs: ReadonlyArray<number>): Metrics =>
  xs.length === 0
    ? {}
    : {
        [`completions/mean_${name}`]: mean(xs),
        [`completions/min_${name}`]: least(xs),
        [`completions/max_${name}`]: most(xs),
      }

const completions = (groups: ReadonlyArray<Group>): Metrics => {
  const all = groups.flatMap((g) => g.rollouts?.completions ?? [])
  const ended = all.filter((c) => c.finish === "stop")
  return all.length === 0
    ? {}
    : {
        ...lengths(
          "length",
          all.map((c) => c.tokens.length),
        ),
        "completions/clipped_ratio": 1 - ended.length / all.length,
        ...lengths(
          "terminated_length",
          ended.map((c) => c.tokens.length),
        ),
      }
}

const rewards = (groups: ReadonlyArray<Group>): Metrics => {
  const judged = groups.flatMap((g) => g.verdicts ?? [])
  const perGroup = judged.map((v) => v.verdicts.flatMap((one) => (one._tag === "Scored" ? [one.score] : [])))
  const all = perGroup.flat()
  const count = sum(judged.map((v) => v.verdicts.length))
  if (count === 0) return {}
  const unscored = { "completions/unscored_ratio": 1 - all.length / count }
  if (all.length === 0) return unscored
  const spreads = perGroup.filter((scores) => scores.length > 0).map(std)
  const name = judged[0]?.reward ?? "reward"
  return {
    [`rewards/${name}/mean`]: mean(all),
    [`rewards/${name}/std`]: std(all),
    reward: mean(all),
    reward_std: groups.some((g) => g.advantages?.batch !== undefined) ? std(all) : mean(spreads),
    frac_reward_zero_std: spreads.filter((s) => s < 1e-8).length / spreads.length,
    ...unscored,
  }
}

/** The metrics of a step's groups. */
export const ofGroups = (groups: ReadonlyArray<Group>): Metrics => ({ ...completions(groups), ...rewards(groups) })

/** Longest reason shown of a missing verdict, in characters: it may be anybody's text. */
const reasonLength = 200

/** How many completions have no verdict, and the first one's reason; undefined where all have one. */
export const unscored = (groups: ReadonlyArray<Group>): string | undefined => {
  const all = groups.flatMap((g) => g.verdicts?.verdicts ?? [])
  const without = all.flatMap((v) => (v._tag === "Unscored" ? [v.reason] : []))
  const first = without[0]
  if (first === undefined) return undefined
  const reason = first.slice(0, reasonLength).replaceAll(/\s+/g, " ")
  return `${without.length} of ${all.length} answers have no verdict: ${reason}`
}

/** Tokens of prompts and completions together, each completion with its prompt (TRL's `num_tokens` counts so). */
export const tokens = (groups: ReadonlyArray<Group>): number =>
  sum(
    groups.flatMap(({ rollouts }) =>
      (rollouts?.completions ?? []).map((c) => c.tokens.length + (rollouts?.promptTokens.length ?? 0)),
    ),
  )
