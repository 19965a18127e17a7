import type { LossResult } from "./LossInputs.ts"

/** One sequence: log-probabilities of its targets, and which of them count. */
export interface CrossEntropyRow {
  readonly logprobs: ArrayLike<number>
  /** 0 keeps a target out of the loss. Absent: every target is in it. */
  readonly mask?: ArrayLike<number> | undefined
}

/**
 * Mean negative log-probability over the targets in the loss, as of `model(labels=…)` in transformers: pre-training and
 * supervised fine-tuning. `targetsInBatch` is the count over all micro-batches of an update; default: of these rows.
 */
export const crossEntropy = (rows: ReadonlyArray<CrossEntropyRow>, targetsInBatch?: number): LossResult => {
  const isIn = (row: CrossEntropyRow, t: number) => row.mask === undefined || row.mask[t] !== 0
  let count = 0
  let sum = 0
  for (const row of rows) {
    for (let t = 0; t < row.logprobs.length; t++) {
      if (!isIn(row, t)) continue
      count += 1
      sum += row.logprobs[t] ?? Number.NaN
    }
  }
  const each = 1 / Math.max(targetsInBatch ?? count, 1)
  return {
    loss: -sum * each,
    gradient: rows.map((row) =>
      Float64Array.from({ length: row.logprobs.length }, (_, t) => (isIn(row, t) ? -each : 0)),
    ),
    metrics: {},
  }
}
