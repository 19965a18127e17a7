/**
 * What one forward pass holds, by closed forms: its segments, their sizes, and what is there at the moments at which it may hold most
 * (`memory.ts` makes bytes of them).
 */
import { costsOf } from "./costs.ts"
import type { ModelShape } from "./LanguageModel.ts"

/** Every activation, cache, gradient and moment is f32 in every engine. */
export const f32 = 4

/** `count` segments of `length` rows that continue a path of `path` rows. */
export interface Segments {
  readonly count: number
  readonly length: number
  readonly path: number
}

/** What one forward pass computes: its segments, and the log-probabilities that are wanted of it. */
export interface Trees {
  readonly segments: ReadonlyArray<Segments>
  readonly wanted: number
}

/** Keys and queries are rounded up to these, and a bucket has at most so many scores (`pack/attention.ts`). */
export const keyMultiple = 16
export const queryMultiple = 8
const scoresAtOnce = 2 ** 20
/** Tokens of one forward pass without gradients, before sharing (`tokensAtOnce` of `pack/pack.ts`). */
export const tokensAtOnce = 16_384
export const roundUp = (n: number, multiple: number): number => Math.ceil(n / multiple) * multiple

/** Sizes of a forward pass, in counts; scores are those of one head. */
export const sizes = ({ segments }: Trees) => {
  let [rows, queries, keys, scores, most, buckets] = [0, 0, 0, 0, { queries: 0, keys: 0, scores: 0 }, 0]
  for (const { count, length, path } of segments) {
    if (count <= 0 || length <= 0) continue
    const q = roundUp(length, queryMultiple)
    const k = roundUp(path + length, keyMultiple)
    const inBucket = Math.min(count, Math.max(1, Math.floor(scoresAtOnce / (q * k))))
    rows += count * length
    queries += count * q
    keys += count * k
    scores += count * q * k
    buckets += Math.ceil(count / inBucket)
    if (inBucket * q * k > most.scores) most = { queries: inBucket * q, keys: inBucket * k, scores: inBucket * q * k }
  }
  return { rows, queries, keys, scores, most, buckets }
}
export type Sizes = ReturnType<typeof sizes>

export const widths = (s: ModelShape) => ({
  hid: s.hidden,
  q: s.heads * s.headDim,
  k: s.kvHeads * s.headDim,
  ffn: s.ffn,
})

/** Ids, positions, masks and rotations of all rows, and the embedding, which live as long as the pass. */
export const around = (s: ModelShape, { keys, queries, rows, scores }: Sizes, wanted: number): number =>
  rows * (3 + s.headDim * (s.slidingRope === true ? 2 : 1) + s.hidden) + queries + keys + scores + 2 * wanted

/**
 * Most elements in a block without gradients, its input among them: it frees nothing until it is done. `copied`: arrays of [rows, ffn] more,
 * where gate and up are parts of one product.
 */
export const blockForward = (s: ModelShape, size: Sizes, copied = 0): number => Math.max(...momentsOf(s, size, copied))

/** The same at the moments at which it may hold most. */
export const momentsOf = (s: ModelShape, size: Sizes, copied = 0): ReadonlyArray<number> => {
  const { ffn, hid, k, q } = widths(s)
  const cost = costsOf(s)
  const { buckets, keys, most, queries, rows } = size
  const norms = s.qkNorm === true ? q + k : 0
  const upToAttention = rows * (2 * hid + 2 * q + 3 * k + norms) + queries * q + 2 * keys * k
  const attention =
    upToAttention +
    queries * q +
    cost.queries * most.queries * q +
    2 * (cost.keys / 2) * most.keys * k +
    (cost.scores + ((most.queries * s.heads) % cost.softmaxRows === 0 ? 0 : 2)) * s.heads * most.scores
  const mixed = upToAttention + queries * q * (buckets > 1 ? 2 : 1) + rows * (q + 3 * hid)
  const post = s.postNorms === true ? rows * hid : 0
  return [
    attention,
    mixed + post + rows * (cost.gated + copied) * ffn,
    mixed + 2 * post + rows * ((3 + copied) * ffn + 2 * hid),
  ]
}

/** Elements of log-probabilities of W pairs: gathered and normed rows, and chunks of logits. */
export const head = (s: ModelShape, wanted: number): number => {
  const cost = costsOf(s)
  const chunk = Math.min(wanted, Math.max(1, Math.floor(cost.logitsAtOnce / s.vocab)))
  return wanted * (3 * s.hidden + 2) + cost.logits * chunk * s.vocab
}
