/**
 * Packing: sequences that want log-probabilities become the rows of one batch, and what they share is computed once. The
 * sequences form a radix tree; every sequence adds only the rows below the point where it leaves what is there already. Linear
 * layers see the rows alone. In attention a run of added rows (a segment) sees its path from the root and itself, so no score
 * between two branches is ever computed, and a row's result does not depend on what it is packed with.
 */

/** A token sequence, and the tokens whose log-probabilities are wanted: `tokens[from..]`; `from` ≥ 1. */
export interface Sequence {
  readonly tokens: ReadonlyArray<number>
  readonly from: number
}

/**
 * Consecutive rows that continue a path. A path counts keys: first those of the prefixes that are known already (`Packed.known`), then those of
 * the rows, in their order.
 */
export interface Segment {
  readonly start: number
  readonly length: number
  /** Keys of the path before `start`, root first. */
  readonly path: Int32Array
}

export interface Packed {
  /** Token of each row, and its distance from the root. [N] */
  readonly tokens: Int32Array
  readonly positions: Int32Array
  readonly segments: ReadonlyArray<Segment>
  /** Keys that stand before those of the rows. */
  readonly known: number
  /** The wanted pairs: log P(target | path to row). One a distinct pair; several can hang on one row. [W] */
  readonly rows: Int32Array
  readonly targets: Int32Array
  /** For each sequence, in the caller's order: the pair of each wanted token. [sequences][tokens.length − from] */
  readonly pairs: ReadonlyArray<Int32Array>
  /** For each sequence: the key of every token but its last, which is only ever a target. */
  readonly paths: ReadonlyArray<Int32Array>
}

/** Tokens of one forward pass without gradients: what bounds its memory. */
export const tokensAtOnce = 16_384

const compare = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Tokens that two sequences begin with, at most `most`. */
export const commonLength = (a: ReadonlyArray<number>, b: ReadonlyArray<number>, most = Infinity): number => {
  const length = Math.min(a.length, b.length, most)
  let i = 0
  while (i < length && a[i] === b[i]) i++
  return i
}

/**
 * Sequences in parts of at most `maxTokens` tokens each (or one sequence), those that share prefixes together; as indices. Sharing
 * is only lost between two parts.
 */
export const parts = (sequences: ReadonlyArray<Sequence>, maxTokens: number): ReadonlyArray<ReadonlyArray<number>> => {
  const order = sequences
    .map(({ tokens }, index) => ({ tokens, index }))
    .toSorted((a, b) => compare(a.tokens, b.tokens))
  const out: Array<Array<number>> = []
  let room = 0
  for (const { tokens, index } of order) {
    const last = out.at(-1)
    if (last !== undefined && tokens.length <= room) last.push(index)
    else {
      out.push([index])
      room = maxTokens
    }
    room -= tokens.length
  }
  return out
}

/** Rows in ascending order, each once, and where each of the given ones stands among them. */
export const distinct = (rows: Int32Array): { readonly rows: Int32Array; readonly places: Int32Array } => {
  const sorted = Int32Array.from(new Set(rows)).toSorted()
  const place = new Map(Array.from(sorted, (row, i) => [row, i]))
  return { rows: sorted, places: rows.map((row) => place.get(row) ?? 0) }
}

export interface PackOptions {
  /** false gives every sequence rows of its own. Default true. */
  readonly share?: boolean
  /** Prefixes whose keys and values are at hand: what a sequence shares with one of them gets no rows, but for the rows of wanted pairs. */
  readonly known?: ReadonlyArray<ReadonlyArray<number>>
}

/** Packs sequences into one batch. */
export const pack = (sequences: ReadonlyArray<Sequence>, options: PackOptions = {}): Packed => {
  const share = options.share ?? true
  let known = 0
  const prefixes = (options.known ?? []).map((tokens) => {
    const first = known
    known += tokens.length
    return { tokens, first }
  })
  const order = sequences.map((sequence, index) => ({ ...sequence, index }))
  if (share) order.sort((a, b) => compare(a.tokens, b.tokens))

  const tokens: Array<number> = []
  const positions: Array<number> = []
  const segments: Array<Segment> = []
  const rows: Array<number> = []
  const targets: Array<number> = []
  const pairs: Array<Int32Array> = Array.from({ length: sequences.length }, () => new Int32Array(0))
  const paths: Array<Int32Array> = Array.from({ length: sequences.length }, () => new Int32Array(0))
  // Of the previous sequence: in sorted order it holds the longest prefix that any earlier one shares with the next.
  let path: Array<number> = []
  let previous: ReadonlyArray<number> = []
  let pairOf = new Map<number, Map<number, number>>()

  for (const { tokens: sequence, from, index } of order) {
    const length = sequence.length - 1
    let shared = 0
    if (share) while (shared < length && shared < path.length && sequence[shared] === previous[shared]) shared++
    // A wanted pair hangs on a row: what is known ends before the first of them.
    const most = Math.min(length, from - 1)
    for (let i = most; i < shared; i++) if ((path[i] ?? 0) < known) shared = i
    path = path.slice(0, shared)
    for (const prefix of prefixes) {
      const common = commonLength(sequence, prefix.tokens, most)
      if (common <= shared) continue
      shared = common
      path = Array.from({ length: common }, (_, i) => prefix.first + i)
    }
    if ((path.at(-1) ?? -1) < known) pairOf = new Map()
    const start = tokens.length
    if (length > shared) segments.push({ start, length: length - shared, path: Int32Array.from(path) })
    for (let i = shared; i < length; i++) {
      path.push(known + tokens.length)
      tokens.push(sequence[i] ?? 0)
      positions.push(i)
    }
    previous = sequence

    const wanted = new Int32Array(Math.max(0, sequence.length - from))
    for (let i = from; i < sequence.length; i++) {
      const row = (path[i - 1] ?? 0) - known
      const target = sequence[i] ?? 0
      let ofRow = pairOf.get(row)
      if (ofRow === undefined) pairOf.set(row, (ofRow = new Map()))
      let pair = ofRow.get(target)
      if (pair === undefined) {
        pair = rows.length
        ofRow.set(target, pair)
        rows.push(row)
        targets.push(target)
      }
      wanted[i - from] = pair
    }
    pairs[index] = wanted
    paths[index] = Int32Array.from(path)
  }
  return {
    tokens: Int32Array.from(tokens),
    positions: Int32Array.from(positions),
    segments,
    known,
    rows: Int32Array.from(rows),
    targets: Int32Array.from(targets),
    pairs,
    paths,
  }
}
