import type { FullLossOptions } from "./defaults.ts"
import type { PreparedRow } from "./prepareRow.ts"

/** The policy's part of the loss at one token, and its derivatives by the two things that carry a gradient. */
export interface TokenTerm {
  readonly value: number
  readonly byRatio: number
  readonly byLogprob: number
}

/** What the loss of an update is divided by. */
export interface Normalisers {
  readonly rows: number
  readonly tokens: number
  readonly tokensInMicroBatch: number
  readonly maxCompletionLength: number
}

/** What one policy loss says that the others do not. Everything else (ratios, KL, masks, the sum) is `policyLoss`. */
export interface LossKind {
  /** For one row, the term of a token with that importance ratio and log-probability. */
  readonly term: (options: FullLossOptions, row: PreparedRow) => (ratio: number, logprob: number) => TokenTerm
  /** What each token of a row counts in the sum. */
  readonly weight: (row: PreparedRow, by: Normalisers) => number
  /** Of the rows of this micro-batch, by TRL's names. */
  readonly metrics: (options: FullLossOptions, rows: ReadonlyArray<PreparedRow>) => { readonly [name: string]: number }
}
