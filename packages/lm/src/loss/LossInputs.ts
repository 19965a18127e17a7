import type { LossOptions } from "hmx"

/** One completion. Every array has one entry a token, all of one length; what stands at a masked token is never read. */
export interface LossRow {
  /** Under the policy that is trained, with the sampling temperature. */
  readonly logprobs: ArrayLike<number>
  /** Under the policy that sampled; absent: `logprobs` themselves, so the ratio is 1 with a live gradient. */
  readonly oldLogprobs?: ArrayLike<number> | undefined
  /** Under the reference policy; read only where `beta` is not 0. */
  readonly refLogprobs?: ArrayLike<number> | undefined
  /** In nats; for the metric, the entropy quantile and the entropy bonus. */
  readonly entropies?: ArrayLike<number> | undefined
  readonly advantage: number
  /** 0 keeps a token out of the loss. Absent: every token is in it. */
  readonly mask?: ArrayLike<number> | undefined
}

/** `LossOptions`, and what an engine without a gradient of the entropy cannot train. */
export interface PolicyLossOptions extends LossOptions {
  /** Subtracts this × the mean entropy (TRL's `entropy_coef`). Default 0. */
  readonly entropyCoef?: number
}

export interface LossInputs {
  readonly rows: ReadonlyArray<LossRow>
  /** Longest completion that sampling allows: dr_grpo divides by rows × this. */
  readonly maxCompletionLength: number
  /**
   * Rows of the whole update, over all its micro-batches: what grpo, dr_grpo, sapo and luspo divide by. TRL: rows ×
   * gradient_accumulation_steps. Default: these rows.
   */
  readonly rowsInBatch?: number | undefined
  /**
   * Tokens in the loss of the whole update: what dapo, cispo and vespo divide by. TRL: num_items_in_batch ×
   * gradient_accumulation_steps / steps_per_generation. Default: the tokens of these rows.
   */
  readonly tokensInBatch?: number | undefined
  /**
   * What bnpo divides by, where these rows are a part of a micro-batch. Default: the tokens of these rows × the number of
   * micro-batches (rowsInBatch / rows).
   */
  readonly tokensInMicroBatch?: number | undefined
}

export interface LossResult {
  /** Of these rows: the sum over the micro-batches is the loss of the update. */
  readonly loss: number
  /** d loss / d logprobs: one array a row, of the row's length; 0 where masked. */
  readonly gradient: ReadonlyArray<Float64Array>
  /** d loss / d entropies; only with `entropyCoef`. */
  readonly entropyGradient?: ReadonlyArray<Float64Array>
  /** TRL's names; a metric without a value (no token in the loss) is absent. */
  readonly metrics: { readonly [name: string]: number }
}
