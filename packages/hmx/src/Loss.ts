/**
 * The policy losses by TRL's names and with TRL's defaults (TRL 1.16, `GRPOTrainer._compute_loss`). The arithmetic stands in
 * `@hmx/lm`; this is what a stage says of it.
 */

/** `loss_type`; `gspo` is `grpo` with sequence-level importance ratios. */
export type LossType = "grpo" | "dapo" | "bnpo" | "dr_grpo" | "gspo" | "cispo" | "sapo" | "luspo" | "vespo"

/** Options of a policy loss. Absent fields take TRL's defaults, which stand beside them. */
export interface LossOptions {
  readonly loss: LossType
  /** Weight of the k3 estimate of KL(policy ‖ reference); 0 means no reference forward at all. Default 0. */
  readonly beta?: number
  /** Lower clip range of the ratio. Default 0.2. */
  readonly epsilon?: number
  /** Upper clip range; for `cispo` the cap itself. Default: `epsilon`. */
  readonly epsilonHigh?: number
  /** Two-sided clip: the ratio is first capped at this value. Default: none. */
  readonly delta?: number
  /** Multiply k3 by the importance ratio, with gradient through it. Default true (as TRL's). */
  readonly biasCorrectionKl?: boolean
  /** Ratios of single tokens, or one of the whole sequence. Default "token" ("sequence" for `gspo`). */
  readonly importanceSampling?: "token" | "sequence"
  /** Temperature of `sapo`'s gate for positive advantages. Default 1. */
  readonly sapoTemperaturePos?: number
  /** Temperature of `sapo`'s gate for the others. Default 1.05. */
  readonly sapoTemperatureNeg?: number
  /** Shape of `vespo`'s gamma weight for advantages ≥ 0. Default 2. */
  readonly vespoKPos?: number
  /** Rate of `vespo`'s gamma weight for advantages ≥ 0. Default 3. */
  readonly vespoLambdaPos?: number
  /** Shape of `vespo`'s gamma weight for negative advantages. Default 3. */
  readonly vespoKNeg?: number
  /** Rate of `vespo`'s gamma weight for negative advantages. Default 2. */
  readonly vespoLambdaNeg?: number
  /** Only this share of the tokens, those of the highest entropy, carries the policy's gradient. Default 1: all. */
  readonly topEntropyQuantile?: number
  /** Drops a completion with negative advantage whose mean log(old / new) exceeds this. Default: none. */
  readonly offPolicyMaskThreshold?: number
}
