/** Arms side by side: what each measured, and by how much they differ. Plain data; `@hmx/report` prints it. */
import * as Schema from "effect/Schema"

const Figure = Schema.Struct({ value: Schema.Number, stderr: Schema.Number, n: Schema.Int })
const At = Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Number, Schema.Boolean]))

/** How a run stands, or how it ended. */
export const State = Schema.Literals([
  "finished",
  "stopped early",
  "over budget",
  "interrupted",
  "failed",
  "unfinished",
  "not begun",
])
export type State = typeof State.Type

export const ArmResult = Schema.Struct({
  name: Schema.String,
  at: At,
  state: State,
  /** Why it ended as it did, where that is known. */
  because: Schema.optionalKey(Schema.String),
  /** That are done, of all. */
  step: Schema.Int,
  steps: Schema.Int,
  /** Of the last adapter; empty where there is none. */
  adapter: Schema.String,
  /** Metrics of the first and of the last step, where a step was done. */
  first: Schema.NullOr(Schema.Record(Schema.String, Schema.Number)),
  last: Schema.NullOr(Schema.Record(Schema.String, Schema.Number)),
})
export type ArmResult = typeof ArmResult.Type

/** One measure before training and, in the arms' order, after it; null where an arm did not measure it. */
export const Measured = Schema.Struct({
  task: Schema.String,
  metric: Schema.String,
  higherIsBetter: Schema.NullOr(Schema.Boolean),
  before: Schema.Array(Schema.NullOr(Figure)),
  after: Schema.Array(Schema.NullOr(Figure)),
})
export type Measured = typeof Measured.Type

/**
 * What one arm has more than another after training, with a 95 % interval. Under several seeds: the mean of the differences of runs that
 * share a seed, by Student's t. Under one: of two means over the same items, their errors taken as independent, which is too wide where
 * answers agree; or, with `p`, of the items' own pairs.
 */
export const Difference = Schema.Struct({
  task: Schema.String,
  metric: Schema.String,
  higherIsBetter: Schema.NullOr(Schema.Boolean),
  /** `more` less `less`, by where they stand, without the seed. */
  more: Schema.String,
  less: Schema.String,
  value: Schema.Number,
  low: Schema.Number,
  high: Schema.Number,
  /** Seeds; 1 where the interval is that of items. */
  pairs: Schema.Int,
  /** Of a paired bootstrap over the items that both arms have kept: who has these puts it here, with its value and interval. */
  p: Schema.optionalKey(Schema.Number),
})
export type Difference = typeof Difference.Type

/** Mean and standard deviation (n − 1) over the seeds of arms that differ in nothing else. */
export const OverSeeds = Schema.Struct({
  task: Schema.String,
  metric: Schema.String,
  of: Schema.String,
  mean: Schema.Number,
  std: Schema.Number,
  seeds: Schema.Int,
})
export type OverSeeds = typeof OverSeeds.Type

export const Comparison = Schema.Struct({
  kind: Schema.Literals(["contrast", "sweep"]),
  name: Schema.String,
  arms: Schema.Array(ArmResult),
  measures: Schema.Array(Measured),
  differences: Schema.Array(Difference),
  overSeeds: Schema.Array(OverSeeds),
})
export type Comparison = typeof Comparison.Type
