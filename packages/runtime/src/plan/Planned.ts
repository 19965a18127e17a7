/** What is known of an experiment before it runs: data for people (`@hmx/report`) and programs (`hmx plan --json`). Bytes, tokens, seconds. */
import * as Schema from "effect/Schema"

const Nullable = Schema.NullOr(Schema.Number)

/** Tokens that a stage asks of the model in one go: read, written in sampling, and trained on. */
export const Tokens = Schema.Struct({ read: Schema.Number, written: Schema.Number, trained: Schema.Number })
export type Tokens = typeof Tokens.Type

export const PlannedStage = Schema.Struct({
  stage: Schema.String,
  grain: Schema.Literals(["group", "step"]),
  /** What it holds beside weights and adapter while it runs: the sum of its parts. */
  bytes: Schema.Number,
  parts: Schema.Array(Schema.Struct({ part: Schema.String, bytes: Schema.Number, why: Schema.String })),
  /** Of what stays (the optimiser's state): what is moved to the host meanwhile, because the budget has room for it only without. */
  offloads: Schema.Number,
  /** How often it runs in the whole experiment, all groups of a step as one time. */
  times: Schema.Number,
  /** Of one time, at the most; null where the stage cannot be rehearsed. */
  tokens: Schema.NullOr(Tokens),
  /** Of one time; null where nothing is known of this model on this engine. */
  seconds: Nullable,
  /** Of its pieces (groups of all steps, updates, evaluations): those that the store has. */
  pieces: Schema.Struct({ total: Schema.Number, cached: Schema.Number }),
  /** Why the rest is made: empty where nothing is. */
  why: Schema.String,
})
export type PlannedStage = typeof PlannedStage.Type

export const Planned = Schema.Struct({
  format: Schema.Literal(1),
  name: Schema.String,
  digest: Schema.String,
  model: Schema.Struct({ name: Schema.String, parameters: Schema.Number, engine: Schema.String }),
  steps: Schema.Number,
  seed: Schema.Number,
  prompts: Schema.Struct({ perStep: Schema.Number, train: Schema.Number, heldOut: Schema.Number }),
  stages: Schema.Array(PlannedStage),
  memory: Schema.Struct({
    budget: Schema.Number,
    weights: Schema.Number,
    /** Adapter and optimiser. */
    stays: Schema.Number,
    /** The most at one time. */
    most: Schema.Number,
    /** What is held from the start to the end, phase by phase; `steps` phases of a step are told once. */
    timeline: Schema.Array(
      Schema.Struct({ phase: Schema.String, stage: Schema.String, times: Schema.Number, bytes: Schema.Number }),
    ),
    /** Where it is over the budget: the smallest changes that would fit, the gentlest first. */
    changes: Schema.Array(
      Schema.Struct({ option: Schema.String, was: Schema.String, now: Schema.String, most: Schema.Number }),
    ),
  }),
  /** What somebody should know of the plan, in sentences. */
  notes: Schema.Array(Schema.String),
  /** Of the whole run, at the most. */
  tokens: Schema.NullOr(Tokens),
  time: Schema.Struct({
    seconds: Nullable,
    /** What the seconds are computed of: rates of earlier runs here, the engine's probe, both, or nothing. */
    source: Schema.Literals(["runs", "probe", "runs and probe", "none"]),
    /** The same in words, with what it rests on. */
    from: Schema.String,
  }),
})
export type Planned = typeof Planned.Type

/** Arms of a contrast, points of a sweep: they take turns over one copy of the weights, so that together they need the most of one. */
export const PlannedArms = Schema.Struct({
  format: Schema.Literal(1),
  kind: Schema.Literals(["contrast", "sweep"]),
  name: Schema.String,
  most: Schema.Number,
  seconds: Nullable,
  arms: Schema.Array(Schema.Struct({ name: Schema.String, plan: Planned })),
})
export type PlannedArms = typeof PlannedArms.Type
