/**
 * What flows between stages. `_tag` is the key under which a stage finds it, so the type of a row is a plain union.
 * JSON on the wire; each is a schema class, read back from the store by the same class.
 */
import * as Schema from "effect/Schema"
import { Message } from "./Chat.ts"

/** Any artefact: a `Schema.TaggedClass`, JSON on the wire. */
export type Any = { readonly _tag: string }

/** The class of an artefact, as a stage lists it under `needs` and `gives`. */
export interface Class<A extends Any = Any> {
  readonly Type: A
  readonly identifier: string
}

/** Artefacts of a step; all others belong to a group and end with it. Added to by declaration merging, as `GivenBy` is. */
export interface OfStep {
  policy: true
  report: true
}

/** Who sampled, who was updated: base weights, adapter, and the number of updates behind it. Digests are 16 hex digits. */
export const PolicyRef = Schema.Struct({ base: Schema.String, adapter: Schema.String, step: Schema.Int })
export type PolicyRef = typeof PolicyRef.Type

/** A question of this step. `index` is its place among the experiment's prompts and keys its random numbers. */
export class Prompt extends Schema.TaggedClass<Prompt>()("prompt", {
  id: Schema.String,
  index: Schema.Int,
  messages: Schema.Array(Message),
}) {}

/** One sampled answer. `logprobs` has one natural-log probability a token, under the policy that sampled. */
export const Completion = Schema.Struct({
  tokens: Schema.Array(Schema.Int),
  logprobs: Schema.Array(Schema.Number),
  text: Schema.String,
  finish: Schema.Literals(["stop", "length"]),
})
export type Completion = typeof Completion.Type

/** A group: the completions of one prompt. */
export class Rollouts extends Schema.TaggedClass<Rollouts>()("rollouts", {
  promptTokens: Schema.Array(Schema.Int),
  completions: Schema.Array(Completion),
  temperature: Schema.Number,
  policy: PolicyRef,
  /** The limit under which they were sampled: what dr_grpo divides by. Default: the longest completion. */
  maxNewTokens: Schema.optionalKey(Schema.Int),
}) {}

/** A verdict is a number or the reason why there is none; a failure never becomes a number. */
export const Verdict = Schema.Union([
  Schema.TaggedStruct("Scored", {
    /** In the reward's range, after weights and reversal. */
    score: Schema.Number,
    /** The parts by name (criteria of a rubric, parts of a mix), as they were read, before weights and reversal. */
    parts: Schema.Record(Schema.String, Schema.Number),
  }),
  Schema.TaggedStruct("Unscored", { reason: Schema.String }),
])
export type Verdict = typeof Verdict.Type

/** One verdict a completion, in the completions' order. */
export class Verdicts extends Schema.TaggedClass<Verdicts>()("verdicts", {
  reward: Schema.String,
  verdicts: Schema.Array(Verdict),
}) {}

/** One advantage a completion; `null` where it was unscored: it carries no gradient. `mean` and `std` are the group's. */
export class Advantages extends Schema.TaggedClass<Advantages>()("advantages", {
  values: Schema.Array(Schema.NullOr(Schema.Number)),
  mean: Schema.Number,
  std: Schema.Number,
  /** There where the values are differences to the mean, still to be divided by the std of the whole step's rewards + stdEpsilon. */
  batch: Schema.optionalKey(Schema.Struct({ stdEpsilon: Schema.Number })),
}) {}

/** The policy after an update, and what the update measured, under TRL's names. */
export class Policy extends Schema.TaggedClass<Policy>()("policy", {
  ref: PolicyRef,
  updated: Schema.Boolean,
  metrics: Schema.Record(Schema.String, Schema.Number),
  /** Why an update left the policy as it was, where it did: `_tag` and message of the error. The runtime keeps this in place of an update. */
  skipped: Schema.optionalKey(Schema.Struct({ error: Schema.String, reason: Schema.String })),
}) {}

/** One figure of a benchmark with its standard error; `n` items. */
export const Measure = Schema.Struct({
  task: Schema.String,
  metric: Schema.String,
  value: Schema.Number,
  stderr: Schema.Number,
  n: Schema.Int,
  higherIsBetter: Schema.NullOr(Schema.Boolean),
})
export type Measure = typeof Measure.Type

/** An answer to a held-out question, kept for people to read. */
export const Answer = Schema.Struct({ question: Schema.String, answer: Schema.String })
export type Answer = typeof Answer.Type

/** What an evaluation found. */
export class Report extends Schema.TaggedClass<Report>()("report", {
  policy: PolicyRef,
  measures: Schema.Array(Measure),
  answers: Schema.Array(Answer),
}) {}

/** Who gives what, for the hint in a wiring error; another package adds its own lines by declaration merging. */
export interface GivenBy {
  rollouts: "Sample"
  verdicts: "SelfJudge"
  advantages: "GroupAdvantage"
  policy: "LoRAUpdate"
  report: "Evaluate"
}
