import { type HostArray, row } from "./fixtures.ts"

/** A padded row without its padding. */
export interface Unpadded {
  /** Columns of the padded tensor that are kept. */
  readonly columns: ReadonlyArray<number>
  readonly tokens: ReadonlyArray<number>
}

/** The rows of `ids` [B, T] where `mask` is 1. */
export const unpad = (ids: HostArray, mask: HostArray): ReadonlyArray<Unpadded> =>
  Array.from({ length: ids.shape[0] ?? 0 }, (_, b) => {
    const tokens = row(ids, b)
    const kept = row(mask, b)
    const columns = Array.from(tokens.keys()).filter((t) => kept[t] === 1)
    return { columns, tokens: columns.map((t) => tokens[t] ?? 0) }
  })

/** Columns `columns` of one row, `width` numbers each. */
export const pick = (values: ArrayLike<number>, columns: ReadonlyArray<number>, width = 1): ReadonlyArray<number> =>
  columns.flatMap((t) => Array.from({ length: width }, (_, i) => values[t * width + i] ?? Number.NaN))
