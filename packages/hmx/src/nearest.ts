/** Names that a misspelling may have meant. */

/** A name that is compared has at most so many letters: what a user types is bounded by nothing. */
const compared = 80

/** The name that takes the fewest edits; undefined where all take more than a slip of the hand does: a third of its letters. */
export const nearest = (name: string, names: ReadonlyArray<string>): string | undefined => {
  const given = name.slice(0, compared)
  const [first] = names.map((known) => ({ known, away: edits(given, known) })).toSorted((a, b) => a.away - b.away)
  return first !== undefined && first.away <= Math.ceil(given.length / 3) ? first.known : undefined
}

/** Edits from one word to another, where capitals are small letters and neighbours that change places are one edit (Damerau 1964). */
export const edits = (from: string, to: string): number => {
  const [a, b] = [from.toLowerCase(), to.toLowerCase()]
  let before: ReadonlyArray<number> = []
  let row: ReadonlyArray<number> = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? 0) + 1 : Infinity
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same, swapped))
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}
