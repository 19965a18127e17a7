/** A bound on what scoring holds where nobody knows which requests meet in a pass. */
import { costsOf } from "./costs.ts"
import type { ModelShape } from "./LanguageModel.ts"
import { around, f32, keyMultiple, momentsOf, queryMultiple, roundUp, type Sizes, tokensAtOnce } from "./pass.ts"

/** What shares a beginning is asked together: tokens of the beginning, and of each continuation. */
export interface Continued {
  readonly context: number
  readonly continuations: ReadonlyArray<number>
}

/**
 * At least the bytes of scoring any of these, `together` of them at one time, however they fall into passes. A pass holds `tokensAtOnce` tokens
 * at the most before sharing, and what it holds is, at each moment, a sum over its sequences: no pass has more than those sequences with most
 * of it a token (a fractional knapsack, Dantzig 1957). A beginning is shared out among its continuations; of one that a pass cuts off, at
 * either end, it may have all.
 */
export const scoringBound = (s: ModelShape, all: ReadonlyArray<Continued>, together: number): number => {
  const sequences = all.flatMap(({ context, continuations }) => continuations.map((k) => ({ context, k })))
  if (sequences.length === 0) return 0
  const cost = costsOf(s)
  const nothing: Sizes = {
    rows: 0,
    queries: 0,
    keys: 0,
    scores: 0,
    most: { queries: 0, keys: 0, scores: 0 },
    buckets: sequences.length > 1 ? 2 : 1,
  }
  /** Elements at each moment; chunks of logits come beside. */
  const moments = (size: Sizes, wanted: number): ReadonlyArray<number> => {
    const beside = around(s, size, wanted)
    return [
      ...momentsOf(s, size).map((held) => held + beside),
      beside + size.rows * s.hidden + wanted * (3 * s.hidden + 2),
    ]
  }
  const wanted = sequences.reduce((sum, { k }) => sum + k, 0)
  const logits = cost.logits * Math.min(wanted, Math.max(1, Math.floor(cost.logitsAtOnce / s.vocab))) * s.vocab
  /** What the attention of one sequence holds for itself, with its beginning or without. */
  const greatest = sequences.reduce((most, { context, k }) => {
    const keys = roundUp(context + k - 1, keyMultiple)
    const alone = [context + k - 1, k - 1].map((length) => {
      const queries = roundUp(Math.max(0, length), queryMultiple)
      return momentsOf(s, { ...nothing, most: { queries, keys, scores: queries * keys } })[0] ?? 0
    })
    return Math.max(most, ...alone)
  }, 0)
  const fixed = moments(nothing, 0).map((_, i, { length }) => (i === 0 ? greatest : i === length - 1 ? logits : 0))
  const held = fixed.map((constant, i) => {
    const at = (size: Partial<Sizes>, of: number): number => moments({ ...nothing, ...size }, of)[i] ?? 0
    const asked = all.map(({ context, continuations }) => {
      const tokens = continuations.reduce((sum, k) => sum + context + k, 0)
      const keys = (k: number) => roundUp(context + k - 1, keyMultiple)
      const begins = roundUp(context, queryMultiple)
      const beginning = at({ rows: context, queries: begins, scores: begins * Math.max(...continuations.map(keys)) }, 0)
      const parts = continuations.map((k) => {
        const rows = Math.max(0, k - 1)
        const queries = roundUp(rows, queryMultiple)
        const own = at({ rows, queries, keys: keys(k), scores: queries * keys(k) }, k)
        return { tokens: context + k, bytes: own + (beginning * (context + k)) / tokens }
      })
      return { beginning, parts, bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0) }
    })
    const dearest = asked
      .flatMap(({ parts }) => parts)
      .toSorted((one, other) => other.bytes * one.tokens - one.bytes * other.tokens)
    let left = dearest.reduce((most, { tokens }) => Math.max(most, tokens), tokensAtOnce)
    let packed = 0
    for (const { bytes, tokens } of dearest) {
      packed += bytes * Math.min(1, Math.max(0, left) / tokens)
      left -= tokens
    }
    const cut = left >= 0 ? 0 : 2 * asked.reduce((most, { beginning }) => Math.max(most, beginning), 0)
    const whole = asked
      .map(({ bytes }) => bytes)
      .toSorted((one, other) => other - one)
      .slice(0, together)
      .reduce((sum, bytes) => sum + bytes, 0)
    return constant + Math.min(packed + cut, whole)
  })
  return Math.ceil(f32 * Math.max(...held))
}
