/** Some of a benchmark's items, where not all are wanted. */
import { sha256 } from "../data/sha256.ts"

/** At most one of the two. */
export interface Subset {
  /** The first n items, as lm-evaluation-harness's `--limit` takes them. Of BBQ these are of one category and one template. */
  readonly limit?: number | undefined
  /**
   * n items from the whole file, the same ones whatever the seed, the model or the arm, and among them those of a smaller sample: the n
   * with the smallest digests of their ids.
   */
  readonly sample?: number | undefined
}

/** RangeError unless the numbers are whole, at least 1 and not both there. */
export const checkSubset = ({ limit, sample }: Subset): void => {
  for (const [name, n] of Object.entries({ limit, sample }))
    if (n !== undefined && (!Number.isSafeInteger(n) || n < 1))
      throw new RangeError(`${name} must be a whole number of at least 1, not ${n}`)
  if (limit !== undefined && sample !== undefined) throw new RangeError("limit and sample exclude each other")
}

/** Its items, in their order. `name` is the benchmark's: a benchmark's draw says nothing of another's. */
export const subset = <A extends { readonly id: string }>(
  name: string,
  items: ReadonlyArray<A>,
  { limit, sample }: Subset,
): ReadonlyArray<A> => {
  if (sample === undefined) return items.slice(0, limit)
  const drawn = items
    .map(({ id }) => ({ id, by: sha256(`${name}\n${id}`) }))
    .toSorted((a, b) => (a.by < b.by ? -1 : 1))
    .slice(0, sample)
  const ids = new Set(drawn.map(({ id }) => id))
  return items.filter(({ id }) => ids.has(id))
}
