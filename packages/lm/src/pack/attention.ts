import type { Engine, Tensor } from "../Engine.ts"
import type { DecoderSpec } from "../decoder/DecoderSpec.ts"
import type { Attend } from "../decoder/forward.ts"
import { attentionScale } from "../decoder/forward.ts"
import { isSliding } from "../decoder/rope.ts"
import type { Packed, Segment } from "./pack.ts"

/** Added to the score of a key that is not seen. */
export const unseen = -1e9

/**
 * Key counts are rounded up to this. A vectorised sum adds up in lanes; with keys from the left and a multiple of the lanes in
 * all, further padding adds exact zeros, and a row's bits depend on its own path alone.
 */
export const keyMultiple = 16

/**
 * Query counts are rounded up to this. An engine may compute few rows in another way than many, which rounds otherwise: all of them where a segment has few
 * left after sharing, and the last ones of a segment behind whole blocks (torch's fused attention takes 32 at one time, and computes one
 * to three that are left over with other bits).
 */
export const queryMultiple = 8

export const roundUp = (n: number, multiple: number): number => Math.ceil(n / multiple) * multiple

/** Segments of like sizes that are attended to as one batch. */
export interface Bucket<S extends Segment = Segment> {
  readonly segments: ReadonlyArray<S>
  /** Query rows and keys of each, padded. */
  readonly queries: number
  readonly keys: number
}

const keysOf = (segment: Segment) => roundUp(segment.path.length + segment.length, keyMultiple)

/**
 * Groups segments of equal padded key counts whose query counts differ by at most a quarter. `maxScores` bounds the scores
 * [segments, queries, keys] of a bucket, for the memory of the masks and of the engine's softmax. `queriesOf`: rows of a segment that
 * attend; default all.
 */
export const buckets = <S extends Segment>(
  segments: ReadonlyArray<S>,
  maxScores = 1 << 20,
  queriesOf: (segment: S) => number = ({ length }) => length,
): ReadonlyArray<Bucket<S>> => {
  const sorted = segments.toSorted((a, b) => keysOf(b) - keysOf(a) || queriesOf(b) - queriesOf(a) || a.start - b.start)
  const out: Array<{ segments: Array<S>; queries: number; keys: number }> = []
  for (const segment of sorted) {
    const keys = keysOf(segment)
    const last = out.at(-1)
    if (
      last !== undefined &&
      last.keys === keys &&
      roundUp(queriesOf(segment), queryMultiple) >= 0.75 * last.queries &&
      (last.segments.length + 1) * last.queries * keys <= maxScores
    )
      last.segments.push(segment)
    else out.push({ segments: [segment], queries: roundUp(queriesOf(segment), queryMultiple), keys })
  }
  return out
}

/**
 * Attention over packed rows. Uploads masks and row indices once (into the current scope); the function it returns is
 * differentiable and is used by every layer. Its k and v begin with those that the pack counts as known. Where only some rows of the last
 * layer are wanted (`asking`: ascending, each once), that layer's q and result are of these alone.
 */
export const packedAttention = (engine: Engine, spec: DecoderSpec, packed: Packed, asking?: Int32Array): Attend => {
  const all = ofRows(engine, spec, packed, undefined)
  if (asking === undefined) return all
  const last = ofRows(engine, spec, packed, asking)
  return (layer, q, k, v) => (layer === spec.layers - 1 ? last : all)(layer, q, k, v)
}

/** A segment of which `count` rows attend: in q, and in the result, they are those from `first` on. */
interface Asking extends Segment {
  readonly first: number
  readonly count: number
}

/** Segments with a row that attends. */
const askingOf = ({ segments }: Packed, asking: Int32Array | undefined): ReadonlyArray<Asking> => {
  if (asking === undefined)
    return segments.map((segment) => ({ ...segment, first: segment.start, count: segment.length }))
  let first = 0
  return segments.flatMap((segment) => {
    let end = first
    while (end < asking.length && (asking[end] ?? 0) < segment.start + segment.length) end++
    const found = { ...segment, first, count: end - first }
    first = end
    return found.count === 0 ? [] : [found]
  })
}

const ofRows = (engine: Engine, spec: DecoderSpec, packed: Packed, asking: Int32Array | undefined): Attend => {
  const { heads, kvHeads, headDim } = spec
  const options = {
    scale: attentionScale(spec),
    ...(spec.attentionSoftcap === undefined ? {} : { softcap: spec.attentionSoftcap }),
  }
  const window = spec.sliding?.window ?? Number.POSITIVE_INFINITY
  const upload = (ids: Int32Array) => engine.upload(ids, [ids.length], "i32")
  const place = new Int32Array(asking?.length ?? packed.tokens.length)
  let placed = 0
  const plan = buckets(askingOf(packed, asking), undefined, ({ count }) => count).map(({ segments, queries, keys }) => {
    const batch = segments.length
    const queryRows = new Int32Array(batch * queries)
    const keyRows = new Int32Array(batch * keys)
    const bias = new Float32Array(batch * queries * keys).fill(unseen)
    // A layer with a window needs a mask of its own only where something is longer than the window.
    const longest = Math.max(...segments.map(({ path, length }) => path.length + length))
    const windowed = longest > window ? new Float32Array(bias.length).fill(unseen) : undefined
    segments.forEach(({ start, length, path, first, count }, b) => {
      for (let i = 0; i < queries; i++) {
        // A padded query repeats the last one; nobody reads it.
        const query = first + Math.min(i, count - 1)
        queryRows[b * queries + i] = query
        if (i < count) place[query] = placed + b * queries + i
        const mask = (b * queries + i) * keys
        const seen = path.length + (asking?.[query] ?? query) - start + 1
        bias.fill(0, mask, mask + seen)
        windowed?.fill(0, mask + Math.max(0, seen - window), mask + seen)
      }
      keyRows.set(path, b * keys)
      for (let i = 0; i < length; i++) keyRows[b * keys + path.length + i] = packed.known + start + i
      // A padded key repeats the first one, behind the mask.
      keyRows.fill(path[0] ?? packed.known + start, b * keys + path.length + length, (b + 1) * keys)
    })
    placed += batch * queries
    const mask = (values: Float32Array) => engine.upload(values, [batch, queries, keys], "f32")
    const full = mask(bias)
    return {
      batch,
      queries,
      keys,
      queryRows: upload(queryRows),
      keyRows: upload(keyRows),
      full,
      sliding: windowed === undefined ? full : mask(windowed),
    }
  })
  const back = upload(place)

  return (layer, q, k, v) => {
    const outputs = plan.map(({ batch, queries, keys, queryRows, keyRows, full, sliding }) => {
      const take = (x: Tensor, ids: Tensor, length: number, n: number) =>
        engine.reshape(engine.gather(x, ids), [batch, length, n, headDim])
      const out = engine.attention(
        take(q, queryRows, queries, heads),
        take(k, keyRows, keys, kvHeads),
        take(v, keyRows, keys, kvHeads),
        { ...options, bias: isSliding(spec, layer) ? sliding : full },
      )
      return engine.reshape(out, [batch * queries, heads * headDim])
    })
    const [only] = outputs
    return engine.gather(outputs.length === 1 && only !== undefined ? only : engine.concat(outputs, 0), back)
  }
}
