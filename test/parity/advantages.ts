import { existsSync } from "node:fs"
import { join } from "node:path"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { batchAdvantages, groupAdvantages, normalizeThenSum, rewardMetrics, statistics, weightedSum } from "hmx"
import { maxDelta } from "./compare.ts"
import { Figure, figureOf, figures, readJsonAs, some } from "./fixtures.ts"
import { guarded, type Line, measured, skipped } from "./Line.ts"

const Cases = Schema.Struct({
  cases: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      config: Schema.Record(Schema.String, Schema.Unknown),
      num_generations: Schema.Number,
      rewards: Schema.Array(Schema.Array(Figure)),
      advantages: Schema.Array(Figure),
      metrics: figures,
    }),
  ),
})

/** TRL's constant. */
const stdEpsilon = 1e-4

/** What TRL's configuration says of advantages; an unknown name makes a case unsupported. */
export const AdvantageConfig = Schema.Struct({
  scale_rewards: Schema.optionalKey(Schema.Union([Schema.Boolean, Schema.Literals(["group", "batch", "none"])])),
  reward_weights: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Number))),
  multi_objective_aggregation: Schema.optionalKey(Schema.Literals(["sum_then_normalize", "normalize_then_sum"])),
})

const chunks = <A>(items: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))

/** Advantages of a generation batch, 0 where there is no reward, and the metrics that TRL logs of them. */
export const advantagesOf = (
  /** [completions][functions] */
  rewards: ReadonlyArray<ReadonlyArray<number | null>>,
  groupSize: number,
  config: typeof AdvantageConfig.Type,
) => {
  const scale =
    config.scale_rewards === undefined || config.scale_rewards === true
      ? "group"
      : config.scale_rewards === false
        ? "none"
        : config.scale_rewards
  const weights = config.reward_weights ?? (rewards[0] ?? []).map(() => 1)
  const sums = chunks(weightedSum(rewards, weights), groupSize)
  if (config.multi_objective_aggregation === "normalize_then_sum") {
    const { values } = normalizeThenSum(chunks(rewards, groupSize), weights, { stdEpsilon })
    return { values: values.flat(), metrics: {} }
  }
  const groups =
    scale === "batch"
      ? batchAdvantages(sums, { stdEpsilon })
      : sums.map((group) => groupAdvantages(group, { scale, stdEpsilon }))
  return {
    values: groups.flatMap((group) => group.values),
    metrics: rewardMetrics(sums.map(statistics), scale),
  }
}

/** grpo/advantages.json: rewards to advantages. */
export function* advantages(root: string): Generator<Line> {
  if (!existsSync(join(root, "grpo"))) return
  yield* guarded("grpo/advantages", () => advantageCases(join(root, "grpo/advantages.json")))
}

function* advantageCases(file: string): Generator<Line> {
  for (const item of some(readJsonAs(Cases, file).cases, "cases of advantages")) {
    const name = `grpo/advantages/${item.name}`
    const config = Schema.decodeUnknownOption(AdvantageConfig)(item.config)
    if (Option.isNone(config)) {
      yield skipped(name, `unsupported options ${JSON.stringify(item.config)}`)
      continue
    }
    const rewards = item.rewards.map((row) => row.map(figureOf).map((r) => (Number.isNaN(r) ? null : r)))
    const { values, metrics } = advantagesOf(rewards, item.num_generations, config.value)
    yield measured(
      name,
      "advantages",
      maxDelta(
        values.map((v) => v ?? 0),
        item.advantages.map(figureOf),
      ),
      1e-6,
    )
    const known = Object.entries(metrics)
    if (known.length === 0) continue
    yield measured(
      name,
      known.map(([key]) => key).join(", "),
      maxDelta(
        known.map(([, value]) => value),
        known.map(([key]) => figureOf(item.metrics[key] ?? Number.NaN)),
      ),
      1e-6,
    )
  }
}
