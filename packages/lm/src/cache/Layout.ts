/**
 * Where each row's keys stand in the cache. Prompts begin at column 0, answers at a multiple of `keyMultiple`, and what lies
 * between is masked: so a key's place modulo the lanes of a vectorised sum is the same whatever the row is batched with, and
 * masked keys add exact zeros. A row's bits do not depend on its neighbours.
 */
import { keyMultiple, roundUp, unseen } from "../pack/attention.ts"

/** Columns of one row's keys, in the order of their tokens. */
export interface RowLayout {
  /** Tokens of the prompt; the rest are of the answer. */
  readonly prompt: number
  readonly columns: ReadonlyArray<number>
}

/** A row laid out afresh. The keys of its answer must be a multiple of `keyMultiple`. */
export const fresh = (prompt: number, keys: number): RowLayout => {
  const answer = roundUp(prompt, keyMultiple)
  return { prompt, columns: Array.from({ length: keys }, (_, i) => (i < prompt ? i : answer + i - prompt)) }
}

/** Columns that rows need, so that the next key of every row stands at a multiple of `keyMultiple`. */
export const columnsOf = (rows: ReadonlyArray<RowLayout>): number =>
  roundUp(
    rows.reduce((most, { columns }) => Math.max(most, (columns.at(-1) ?? -1) + 1), 0),
    keyMultiple,
  )

/** The mask of a decoding step, [R, 1, columns]: a row sees its last `window` keys, or all of them. */
export const biasOf = (
  rows: ReadonlyArray<RowLayout>,
  columns: number,
  window = Number.POSITIVE_INFINITY,
): Float32Array => {
  const bias = new Float32Array(rows.length * columns).fill(unseen)
  rows.forEach((row, r) => {
    const first = Math.max(0, row.columns.length - window)
    for (let i = first; i < row.columns.length; i++) bias[r * columns + (row.columns[i] ?? 0)] = 0
  })
  return bias
}
