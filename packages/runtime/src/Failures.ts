/** How a run ends when it does not end well. BadInput and StorageFailed of `hmx` come before the first step; these after it. */
import * as Data from "effect/Data"
import * as Schema from "effect/Schema"
import { amount, Errors } from "hmx"
import { type Answered, reasonOf } from "./Policies.ts"

/** A stage failed, and nothing that the runtime or the author answers it with helped. `cause` is the error's own message. */
export class RunFailed extends Schema.TaggedError<RunFailed>()("RunFailed", {
  step: Schema.Int,
  stage: Schema.String,
  /** `_tag` of the error. */
  error: Schema.String,
  reason: Schema.String,
  /** What the user can change; empty where there is nothing. */
  advice: Schema.String,
}) {
  override get message() {
    const place = this.stage === "" ? "" : `${this.stage} failed in step ${this.step}: `
    return `${place}${this.reason}${this.advice === "" ? "" : `; ${this.advice}`}`
  }
}

/** An experiment whose reservations are over its budget: refused before a weight is read. All in bytes. */
export class OverBudget extends Schema.TaggedError<OverBudget>()("OverBudget", {
  budget: Schema.Number,
  weights: Schema.Number,
  stays: Schema.Number,
  stages: Schema.Array(Schema.Struct({ stage: Schema.String, bytes: Schema.Number })),
  /** The smallest changes that would fit, the gentlest first; absent where nobody has looked for them. */
  changes: Schema.optionalKey(
    Schema.Array(Schema.Struct({ option: Schema.String, was: Schema.String, now: Schema.String, most: Schema.Number })),
  ),
}) {
  override get message() {
    const worst = this.stages.reduce((a, b) => (b.bytes > a.bytes ? b : a), { stage: "the model", bytes: 0 })
    return `memory: ${worst.stage} needs ${amount(this.weights + this.stays + worst.bytes)} with the weights, and the budget is ${amount(this.budget)}`
  }
}

/** A run that has used up what it may use. Its state is saved: with a greater budget it goes on. */
export class BudgetUsed extends Schema.TaggedError<BudgetUsed>()("BudgetUsed", {
  /** The last step that is done. */
  step: Schema.Int,
  steps: Schema.Int,
  of: Schema.Literals(["tokens", "time"]),
  /** Tokens, or seconds. */
  used: Schema.Number,
  limit: Schema.Number,
}) {
  override get message() {
    const unit = this.of === "tokens" ? "tokens" : "seconds"
    const used = this.of === "tokens" ? this.used : Number(this.used.toFixed(1))
    return `the budget is used up after step ${this.step} of ${this.steps}: ${used} ${unit}, of ${this.limit}`
  }
}

/** An experiment whose stages do not fit together, in the compiler's words. */
export class Miswired extends Schema.TaggedError<Miswired>()("Miswired", {
  /** In the order of the stages; `index` is a stage's place, from 0. */
  problems: Schema.Array(Schema.Struct({ stage: Schema.String, index: Schema.Int, sentence: Schema.String })),
}) {
  override get message() {
    return this.problems.map((p) => p.sentence).join("\n")
  }
}

/** An error that ends the run as it is, by its author's word (`Stage.stop`): it is not answered any more. */
export class Meant extends Data.TaggedError("Meant")<{ readonly error: Errors.Any }> {}

const advice: { readonly [tag: string]: string } = {
  OutOfMemory:
    "a single group does not fit: lower groupSize or maxNewTokens, give the engine more memory (--engine-memory), or take a smaller model",
  NonFinite: "lower learningRate, or raise beta",
  NoSignal: "raise temperature or groupSize, or take another reward",
  StaleRollouts: "the policy changes while it samples: one process a run",
}

/** Of stages that have no groups. */
const adviceOf = (stage: string, tag: string): string =>
  tag === "OutOfMemory" && stage === "Evaluate"
    ? "an answer of the evaluation does not fit: give the engine more memory (--engine-memory), or take a smaller model"
    : (advice[tag] ?? "")

/**
 * What a run fails with when no answer has helped: the error itself where it is the user's input, or (as Meant) where its author said
 * that it stops the run; else RunFailed.
 */
export const gaveUp = ({ action, error, stage }: Answered, step: number): Errors.Any => {
  if (action === "stop") return new Meant({ error })
  if (error instanceof Errors.BadInput) return error
  return new RunFailed({ step, stage, error: error._tag, reason: reasonOf(error), advice: adviceOf(stage, error._tag) })
}
