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
}
