/** Which of a task's items decide how much memory it takes. */
import { type Asking, Memory } from "hmx"

/** Tokens that decide what reading holds: as many passes of the longest, or of the least shared, as show the greatest. */
const enough = 4 * Memory.tokensAtOnce
/** Characters of which a plan walks all: then it is exact. */
const little = 2 ** 17
/** A token of a benchmark is seldom longer. */
const charactersOfToken = 6

/**
 * Characters of a token, in steps: an item that is longer than the context is not asked, and how long one may be in characters depends on
 * the tokens that its text has.
 */
const ratios = Array.from({ length: 12 }, (_, i) => 1.18 ** i)

const orders: ReadonlyArray<(item: Asking) => number> = [
  ({ longest }) => longest,
  ({ written }) => written,
  ({ distinct }) => distinct,
  ({ all, distinct }) => distinct / Math.max(1, all),
]

/**
 * The places of all items where they are few; else of those that hold most: of each order in which one may come before another the first, as many as are asked at one time,
 * or as fill some passes where they are only read; and the same of those that fit into so many tokens of context.
 */
export const deciding = (items: ReadonlyArray<Asking>, together: number, context: number): ReadonlyArray<number> => {
  const whole = items.map((_, place) => place)
  if (items.reduce((sum, { all: characters }) => sum + characters, 0) <= little) return whole
  const chosen = new Set<number>()
  const first = (places: ReadonlyArray<number>): void => {
    for (const [i, of] of orders.entries()) {
      const sizes = items.map(of)
      // Where all are alike another order says which.
      if (i > 0 && places.every((place) => sizes[place] === sizes[places[0] ?? 0])) continue
      let left = enough * charactersOfToken
      for (const place of places.toSorted((a, b) => (sizes[b] ?? 0) - (sizes[a] ?? 0)).slice(0, together)) {
        const item = items[place]
        if (item === undefined || left <= 0) break
        chosen.add(place)
        if (item.written === 0) left -= item.all
      }
    }
  }
  let before = 0
  for (const ratio of ratios) {
    const fitting = whole.filter((place) => {
      const { longest, written } = items[place] ?? { longest: 0, written: 0 }
      return longest <= ratio * (context - written)
    })
    if (fitting.length === whole.length) break
    if (fitting.length > before) first(fitting)
    before = fitting.length
  }
  first(whole)
  return chosen.size === items.length ? whole : [...chosen]
}
