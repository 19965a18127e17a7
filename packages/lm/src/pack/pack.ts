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

/** Consecutive rows that continue a path. */
export interface Segment {
  readonly start: number
  readonly length: number
  /** Rows of the path before `start`, root first. */
  readonly path: Int32Array
}

export interface Packed {
  /** Token of each row, and its distance from the root. [N] */
  readonly tokens: Int32Array
  readonly positions: Int32Array
  readonly segments: ReadonlyArray<Segment>
  /** The wanted pairs: log P(target | path to row). One a distinct pair; several can hang on one row. [W] */
  readonly rows: Int32Array
  readonly targets: Int32Array
  /** For each sequence, in the caller's order: the pair of each wanted token. [sequences][tokens.length − from] */
  readonly pairs: ReadonlyArray<Int32Array>
  /** For each sequence: the row of every token but its last, which is only ever a target. */
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

/** Packs sequences into one batch. `share: false` gives every sequence rows of its own. */
export const pack = (sequences: ReadonlyArray<Sequence>, options: { readonly share?: boolean } = {}): Packed => {
  const share = options.share ?? true
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
    if (shared === 0) pairOf = new Map()
    path = path.slice(0, shared)
    const start = tokens.length
    if (length > shared) segments.push({ start, length: length - shared, path: Int32Array.from(path) })
    for (let i = shared; i < length; i++) {
      path.push(tokens.length)
      tokens.push(sequence[i] ?? 0)
      positions.push(i)
    }
    previous = sequence

    const wanted = new Int32Array(Math.max(0, sequence.length - from))
    for (let i = from; i < sequence.length; i++) {
      const row = path[i - 1] ?? 0
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
    rows: Int32Array.from(rows),
    targets: Int32Array.from(targets),
    pairs,
    paths,
  }
}
