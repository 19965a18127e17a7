/**
 * Sampling with a key/value cache. A prompt is computed once for all of its completions; the rows of all requests are decoded as
 * one batch, one token at a time; finished rows leave the batch and waiting ones take their places.
 *
 * A completion depends on its own request alone: its random numbers by their key, its logits by `Layout`.
 */
import { type Completion, Memory, type RandomKey, type SamplingParams } from "hmx"
import { KvCache } from "../cache/KvCache.ts"
import type { RowLayout } from "../cache/Layout.ts"
import { biasOf, columnsOf, fresh } from "../cache/Layout.ts"
import type { Decoder } from "../decoder/Decoder.ts"
import { attentionScale, hidden, logits } from "../decoder/forward.ts"
import { PackedWeights } from "../decoder/PackedWeights.ts"
import type { SamplingWeights } from "../decoder/PackedWeights.ts"
import { isSliding } from "../decoder/rope.ts"
import type { Tensor } from "../Engine.ts"
import type { Lora } from "../lora/Lora.ts"
import { keyMultiple, packedAttention, roundUp } from "../pack/attention.ts"
import { distinct, tokensAtOnce } from "../pack/pack.ts"
import { prefixed } from "../pack/prefixed.ts"
import type { Prefixes } from "../pack/prefixed.ts"
import { uniform } from "../random/index.ts"
import { draw } from "./draw.ts"
import type { Draw, DrawOptions, Drawn } from "./draw.ts"

export interface GenerateRequest {
  readonly prompt: ReadonlyArray<number>
  readonly n: number
  readonly params: SamplingParams
  readonly key: RandomKey
}

export interface GenerateOptions extends DrawOptions {
  readonly lora?: Lora | undefined
  /** Token ids that end every answer. */
  readonly eos: ReadonlyArray<number>
  /** Most rows that are decoded at one time. Default 256. */
  readonly maxRows?: number | undefined
  /** Beginnings of prompts that are kept across calls. */
  readonly prefixes?: Prefixes | undefined
  /** The weights as sampling wants them, where they outlive the call. */
  readonly weights?: PackedWeights | undefined
  /** Called between layers; throws to stop everything. */
  readonly checkpoint?: (() => void) | undefined
  /** Whether a request is no longer wanted: its rows are dropped. Asked once a token. */
  readonly dropped?: ((request: number) => boolean) | undefined
  /** Gets the tokens so far of a request's first completion, at each of them. */
  readonly onToken?: ((request: number, tokens: ReadonlyArray<number>) => void) | undefined
}

/** Tokens × width of a pass whose memory is worth giving back. */
const largePass = 1 << 19
/** Bytes of a cache whose memory is. */
const largeCache = 1 << 26

/** One completion in the making. */
interface Row {
  readonly request: number
  readonly completion: number
  readonly given: GenerateRequest
  readonly ends: ReadonlySet<number>
  readonly tokens: Array<number>
  readonly logprobs: Array<number>
  finish: Completion["finish"] | undefined
  /** Of the keys in the cache: those of all tokens but the last. */
  layout: RowLayout
}

/** Completions of every request, `n` each. */
export const generate = (
  decoder: Decoder,
  requests: ReadonlyArray<GenerateRequest>,
  options: GenerateOptions,
): ReadonlyArray<ReadonlyArray<Completion>> => {
  const maxRows = Math.max(1, options.maxRows ?? 256)
  const rows = requests.map((given, request) => {
    const ends = new Set([...options.eos, ...(given.params.stop ?? [])])
    return Array.from({ length: given.n }, (_, completion): Row => {
      const finish = given.params.maxNewTokens > 0 ? undefined : "length"
      const layout = fresh(given.prompt.length, 0)
      return { request, completion, given, ends, tokens: [], logprobs: [], finish, layout }
    })
  })
  const wanted = (row: Row) => row.finish === undefined && options.dropped?.(row.request) !== true
  // Prompts of like length together waste the least room. Order does not change what is sampled.
  let waiting: ReadonlyArray<Row> = rows
    .flat()
    .toSorted((a, b) => b.layout.prompt - a.layout.prompt || a.request - b.request)
  let active: ReadonlyArray<Row> = []
  const longest = (of: (given: GenerateRequest) => number) =>
    requests.reduce((most, given) => Math.max(most, of(given)), 0)
  const columns = longest(({ prompt }) => prompt.length) + longest(({ params }) => params.maxNewTokens)
  const cache = new KvCache(decoder.engine, roundUp(columns, keyMultiple) + keyMultiple)
  const packed = options.weights ?? new PackedWeights(decoder)
  let sampling: SamplingWeights | undefined
  let held = 0
  try {
    sampling = packed.of(options.lora?.layers)
    for (;;) {
      const going = active.filter(wanted)
      waiting = waiting.filter(wanted)
      if (going.length + waiting.length === 0) break
      // Rows step together, so when one's answer fits the lanes of the layout, all do.
      const aligned = going.length === 0 || cache.columns % keyMultiple === 0
      const room = aligned ? Math.min(maxRows - going.length, waiting.length) : 0
      if (room > 0) {
        const next = fitting(waiting, room)
        waiting = waiting.slice(next.length)
        // What has ended is not to stand beside what begins.
        if (going.length === 0) {
          cache.free()
          active = []
        }
        admit(decoder, sampling, cache, active, going, next, options)
        active = [...going, ...next]
      } else {
        if (going.length <= 0.75 * active.length) {
          move(cache, active, going, [], aligned)
          active = going
        }
        step(decoder, sampling, cache, active, options)
        held = Math.max(held, Memory.keysBytes(decoder.spec) * cache.rows * cache.columns)
      }
    }
  } finally {
    cache.free()
    sampling?.free()
    if (options.weights === undefined) packed.free()
    if (held >= largeCache) decoder.engine.trim?.(sampling?.cold)
  }
  return rows.map((group) =>
    group.map(({ tokens, logprobs, finish }) => ({ tokens, logprobs, finish: finish ?? "length" })),
  )
}

/** The first of the waiting rows: at most `room`, and prompts of at most `tokensAtOnce` tokens together (or a single one). */
const fitting = (waiting: ReadonlyArray<Row>, room: number): ReadonlyArray<Row> => {
  const prompts = new Set<number>()
  let tokens = 0
  const end = waiting.findIndex(({ request, given }, i) => {
    if (!prompts.has(request)) tokens += given.prompt.length
    prompts.add(request)
    return i === room || (i > 0 && tokens > tokensAtOnce)
  })
  return end === -1 ? waiting : waiting.slice(0, end)
}

/** Puts `kept` of the active rows, and behind them new ones whose keys are rows of `more`, into the cache. */
const move = (
  cache: KvCache,
  active: ReadonlyArray<Row>,
  kept: ReadonlyArray<Row>,
  added: ReadonlyArray<{ readonly row: Row; readonly path: Int32Array }>,
  aligned: boolean,
  more?: Parameters<KvCache["rearrange"]>[3],
  moreDone?: (layer: number) => void,
): void => {
  const places = new Map(active.map((row, r) => [row, r * cache.columns]))
  const behind = cache.rows * cache.columns
  const sources = [
    ...kept.map((row) => ({ row, from: row.layout.columns.map((column) => (places.get(row) ?? 0) + column) })),
    ...added.map(({ row, path }) => ({ row, from: Array.from(path, (p) => behind + p) })),
  ]
  if (aligned) for (const { row, from } of sources) row.layout = fresh(row.layout.prompt, from.length)
  const columns = aligned ? columnsOf(sources.map(({ row }) => row.layout)) : cache.columns
  const index = new Int32Array(sources.length * columns)
  sources.forEach(({ row, from }, r) => {
    row.layout.columns.forEach((column, i) => {
      index[r * columns + column] = from[i] ?? 0
    })
  })
  cache.rearrange(sources.length, columns, index, more, moreDone)
}

/** Computes the prompts of new rows, adds them to the cache, and samples their first tokens. */
const admit = (
  decoder: Decoder,
  sampling: SamplingWeights,
  cache: KvCache,
  active: ReadonlyArray<Row>,
  going: ReadonlyArray<Row>,
  added: ReadonlyArray<Row>,
  options: GenerateOptions,
): void => {
  const { engine, spec, weights } = decoder
  const prompts = [...new Map(added.map((row) => [row.request, row.given.prompt]))]
  const place = new Map(prompts.map(([request], i) => [request, i]))
  // The token behind a prompt is only a target: it makes the prompt's last token a row.
  const sequences = prompts.map(([, prompt]) => ({ tokens: [...prompt, 0], from: prompt.length }))
  const plan = prefixed(decoder, sequences, options.prefixes)
  const { packed } = plan
  const large = packed.tokens.length * spec.hidden >= largePass
  const lasts = distinct(Int32Array.from(packed.paths, (path) => (path.at(-1) ?? 0) - packed.known))
  const keys: Array<readonly [k: Tensor, v: Tensor]> = []
  let drawn: ReadonlyArray<Drawn> = []
  try {
    engine.scope(() => {
      const ids = (list: Int32Array) => engine.upload(list, [list.length], "i32")
      const attend = packedAttention(engine, spec, packed, lasts.rows)
      const x = hidden(engine, spec, weights, decoder.rope, {
        ids: ids(packed.tokens),
        positions: ids(packed.positions),
        rows: ids(lasts.rows),
        lora: options.lora?.layers,
        project: sampling.project,
        attend: (layer, q, k, v) => {
          const [allK, allV] = plan.extend(k, v)
          // A view would hold what it looks into: the product of all of a layer's projections.
          const alone = allV === v ? engine.concat([v], 0) : allV
          keys.push([engine.keep(allK), engine.keep(alone)])
          return attend(layer, q, allK, allV)
        },
        embedded: large ? () => engine.trim?.(sampling.cold) : undefined,
        checkpoint: options.checkpoint ?? (() => {}),
      })
      const found = logits(
        engine,
        spec,
        { norm: weights.norm, head: sampling.head },
        engine.gather(x, ids(lasts.places)),
      )
      const draws = added.map((row) => drawOf(row, place.get(row.request) ?? 0))
      drawn = draw(engine, spec, found, draws, options)
    })
    // What the prompts took is not to stand beside the cache.
    if (large) engine.trim?.()
    const paths = added.map((row) => ({ row, path: packed.paths[place.get(row.request) ?? 0] ?? new Int32Array(0) }))
    move(cache, active, going, paths, true, keys, (layer) => engine.free(...(keys[layer] ?? [])))
    plan.finish()
  } finally {
    for (const pair of keys) engine.free(...pair)
    plan.free()
  }
  added.forEach((row, i) => take(row, drawn[i], options))
}

/** Decodes one token of every row. */
const step = (
  decoder: Decoder,
  sampling: SamplingWeights,
  cache: KvCache,
  active: ReadonlyArray<Row>,
  options: GenerateOptions,
): void => {
  const { engine, spec, weights } = decoder
  const rows = active.length
  const columns = cache.columns + 1
  for (const row of active) row.layout = { ...row.layout, columns: [...row.layout.columns, cache.columns] }
  let drawn: ReadonlyArray<Drawn> = []
  engine.scope(() => {
    const layouts = active.map(({ layout }) => layout)
    const mask = (window?: number) => engine.upload(biasOf(layouts, columns, window), [rows, 1, columns], "f32")
    const full = mask()
    const window = spec.sliding?.window
    const beyond = window !== undefined && layouts.some((layout) => layout.columns.length > window)
    const sliding = beyond ? mask(window) : full
    const shape = {
      scale: attentionScale(spec),
      ...(spec.attentionSoftcap === undefined ? {} : { softcap: spec.attentionSoftcap }),
    }
    const ids = (of: (row: Row) => number) => engine.upload(Int32Array.from(active, of), [rows], "i32")
    const x = hidden(engine, spec, weights, decoder.rope, {
      ids: ids(({ tokens }) => tokens.at(-1) ?? 0),
      positions: ids(({ layout }) => layout.columns.length - 1),
      lora: options.lora?.layers,
      project: sampling.project,
      attend: (layer, q, k, v) => {
        const [allK, allV] = cache.append(layer, k, v)
        const bias = isSliding(spec, layer) ? sliding : full
        const query = engine.reshape(q, [rows, 1, spec.heads, spec.headDim])
        const mixed = engine.attention(query, allK, allV, { ...shape, bias, keys: columns })
        return engine.reshape(mixed, [rows, spec.heads * spec.headDim])
      },
      checkpoint: options.checkpoint ?? (() => {}),
    })
    // A row that has ended leaves the batch later; nothing is drawn for it.
    const draws = active.flatMap((row, r) => (row.finish === undefined ? [drawOf(row, r)] : []))
    drawn = draw(engine, spec, logits(engine, spec, { norm: weights.norm, head: sampling.head }, x), draws, options)
  })
  cache.appended()
  active.filter(({ finish }) => finish === undefined).forEach((row, i) => take(row, drawn[i], options))
}

/** What is to be drawn for a row from row `at` of the logits. */
const drawOf = ({ completion, given: { key, params, prompt }, tokens }: Row, at: number): Draw => ({
  at,
  params,
  history: () => [...prompt, ...tokens],
  u: () => uniform({ ...key, completion, position: tokens.length }),
})

/** Appends a row's next token. */
const take = (row: Row, drawn: Drawn | undefined, { onToken }: GenerateOptions): void => {
  if (drawn === undefined) return
  const { token, logprob } = drawn
  row.tokens.push(token)
  row.logprobs.push(logprob)
  if (row.completion === 0) onToken?.(row.request, row.tokens)
  if (row.ends.has(token)) row.finish = "stop"
  else if (row.tokens.length >= row.given.params.maxNewTokens) row.finish = "length"
}
