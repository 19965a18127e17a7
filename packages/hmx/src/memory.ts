/**
 * Closed forms for device memory, in bytes: what a model holds at rest, and the most that sampling, scoring and an update hold beside
 * it. They follow the code of the local model term by term (`@hmx/lm`: `generate`, `packedLogProbs`, `differentiate`), with what engines
 * do differently as data (`costs.ts`). `npm run bench:memory` prints them beside measured peaks: who changes what that code holds changes
 * the term here, and the ratios say whether it is right.
 *
 * N rows (tokens after sharing prefixes), W wanted log-probabilities, R decoded rows.
 */
import { adapterParameters, linears, type Lora, targetsOf } from "./adapterBytes.ts"
import { costsOf } from "./costs.ts"
import type { ModelShape } from "./LanguageModel.ts"
import {
  around,
  blockForward,
  f32,
  head,
  keyMultiple,
  roundUp,
  sizes,
  tokensAtOnce,
  type Trees,
  widths,
} from "./pass.ts"

export { adapterBytes, adapterParameters, linearNames, type Lora, momentsBytes } from "./adapterBytes.ts"
export { type Costs, costs, costsOf } from "./costs.ts"
export { type Segments, tokensAtOnce, type Trees } from "./pass.ts"
export { type Continued, scoringBound } from "./scoringBound.ts"

// --- at rest ----------------------------------------------------------------------------------------------------------

/** Weights as the engine holds them, and the tables of rotary embeddings. */
export const weightsBytes = (shape: ModelShape): number => {
  const { context, headDim, hidden, layers, parameters } = shape
  // Norms and biases are vectors: they have one layout.
  const vectors = hidden * (1 + layers * (shape.postNorms === true ? 4 : 2))
  const matrices = Math.max(0, parameters - vectors)
  const { layouts } = costsOf(shape)
  const tables = shape.slidingRope === true ? 2 : 1
  return (layouts * matrices + vectors) * shape.bytesPerWeight + tables * context * headDim * f32
}

// --- token trees ------------------------------------------------------------------------------------------------------

/** Fewer logits are summed on the host (`leastLogits` of `sample/draw.ts`). */
const summedFrom = 2 ** 15
/** Rows that are decoded at one time at the most (`maxRows` of `sample/generate.ts`). */
const rowsAtOnce = 256
/** On a processor so many are always, and more while their keys and values take no more than this, or than a third of the weights in f32. */
const rowsOfGroup = 8
const cacheOnProcessor = 2 ** 28

/** Keys and values of one token in all layers. */
export const keysBytes = ({ headDim, kvHeads, layers }: Pick<ModelShape, "headDim" | "kvHeads" | "layers">): number =>
  f32 * 2 * layers * kvHeads * headDim

/**
 * Of rows of up to so many columns, those that are decoded at one time. Sixteen rows keep a processor busy: more take as much longer as they are more, and
 * only hold memory. A GPU gains from each.
 */
export const decodedAtOnce = (s: ModelShape, columns: number, rows: number): number => {
  if (rows <= rowsOfGroup) return rowsOfGroup
  const ofRow = keysBytes(s) * Math.max(1, columns)
  const room = Math.floor(Math.max(cacheOnProcessor, (f32 * s.parameters) / 3) / ofRow)
  const most = s.device === undefined ? Math.min(rowsAtOnce, Math.max(rowsOfGroup, room)) : rowsAtOnce
  // Two halves rather than as many as fit and a few.
  return Math.ceil(rows / Math.ceil(rows / most))
}

/** One prompt with G completions of C tokens, `groups` times: the prompt is computed once, and a last token is only a target. */
export const groupTrees = (groups: number, prompt: number, completions: number, tokens: number): Trees => ({
  segments: [
    { count: groups, length: prompt + tokens - 1, path: 0 },
    { count: groups * (completions - 1), length: tokens - 1, path: prompt },
  ],
  wanted: groups * completions * tokens,
})

// --- a forward pass ---------------------------------------------------------------------------------------------------

/** Most bytes of scoring trees without gradients. */
export const scoringBytes = (s: ModelShape, trees: Trees): number => {
  const size = sizes(trees)
  return (
    f32 *
    (around(s, size, trees.wanted) + Math.max(blockForward(s, size), size.rows * s.hidden + head(s, trees.wanted)))
  )
}

// --- sampling ---------------------------------------------------------------------------------------------------------

export interface Sampling {
  readonly prompts: number
  readonly completions: number
  readonly promptTokens: number
  readonly maxNewTokens: number
  /** Tokens of the longest answer where they are known. Default: `maxNewTokens`, for which room is made in any case. */
  readonly longest?: number
  /** The adapter that answers. */
  readonly lora?: Lora
  /** No answer ends before the others: the cache is never packed closer. Default false. */
  readonly together?: boolean
}

/** Columns that a cache grows by at least, and room for so many (`cache/KvCache.ts`). */
const cacheBlock = 64
const roomFor = (columns: number, expected: number): number =>
  Math.max(columns + keyMultiple, Math.min(columns + roundUp(Math.max(cacheBlock, columns / 4), keyMultiple), expected))
/** The share of rows that go on at which the others leave the batch. */
const mostGoing = 0.75

/** Linear layers of one input, whose weights lie one under another where sampling has a layout of its own (`decoder/PackedWeights.ts`). */
const packedTogether = [["q_proj", "k_proj", "v_proj"], ["o_proj"], ["gate_proj", "up_proj"], ["down_proj"]]

/** Bytes of the weights in sampling's own layout, which stay until the next update; and of an adapter's, for a call; none of 16 bits. */
export const packedBytes = (s: ModelShape, lora?: Lora): { readonly weights: number; readonly adapter: number } => {
  const { packedFrom } = costsOf(s)
  const none = { weights: 0, adapter: 0 }
  if (!Number.isFinite(packedFrom) || s.bytesPerWeight !== f32) return none
  const of = linears(s)
  const packed = packedTogether.reduce((sum, names) => {
    const [input] = of[names[0] ?? ""] ?? [0]
    const outputs = names.reduce((all, name) => all + (of[name]?.[1] ?? 0), 0)
    if (input * outputs < packedFrom) return sum
    const ranks = lora === undefined ? 0 : names.filter((name) => targetsOf(lora).includes(name)).length * lora.rank
    return { weights: sum.weights + input * outputs, adapter: sum.adapter + ranks * (input + outputs) }
  }, none)
  return {
    weights: f32 * (s.layers * packed.weights + (s.vocab * s.hidden < packedFrom ? 0 : s.vocab * s.hidden)),
    adapter: f32 * s.layers * packed.adapter,
  }
}

/** Elements of f32 of what sums for a draw are made in. */
const summed = (rows: number, vocab: number, atOnce: number): number =>
  atOnce === 0 || rows * vocab < summedFrom ? 0 : 4 * vocab * Math.max(1, Math.min(rows, Math.floor(atOnce / vocab)))

/** Most bytes of the cache, and of what else is held while it is at its largest. */
export const samplingBytes = (s: ModelShape, given: Sampling): { readonly cache: number; readonly rest: number } => {
  const { completions, longest = given.maxNewTokens, maxNewTokens, promptTokens, prompts } = given
  const { ffn, hid, k, q } = widths(s)
  const cost = costsOf(s)
  const all = prompts * completions
  const rows = Math.min(all, decodedAtOnce(s, promptTokens + maxNewTokens, all))
  const admitted = Math.min(prompts, Math.ceil(rows / completions))
  const perColumn = 2 * rows * k
  const start = roundUp(promptTokens, keyMultiple)
  // The last token that is sampled is never a key.
  const columns = start + Math.max(0, longest - 1)
  const expected = roundUp(promptTokens + maxNewTokens, keyMultiple) + keyMultiple
  const firstRoom = roomFor(start, expected)
  let room = firstRoom
  while (room < columns) room = roomFor(room, expected)
  const cache = s.layers * room * perColumn
  const norms = s.qkNorm === true ? q + k : 0
  const decoded = rows * (columns + s.headDim + 2 + 3 * hid + 2 * q + 3 * k + norms)
  // Keys or values of a layer are there twice, and what is put behind them, while they grow.
  const growing = room > firstRoom ? (room * perColumn) / 2 + decoded : 0
  const attending = decoded + (cost.keysDecoded * columns * perColumn) / 2 + cost.scores * rows * s.heads * columns
  const isPacked = (outputs: number): boolean => s.bytesPerWeight === f32 && outputs * hid >= cost.packedFrom
  const copied = isPacked(2 * ffn) ? 2 : 0
  const feeding = decoded + rows * (q + 3 * hid + (cost.gated + copied) * ffn)
  const choosing = rows * (2 * hid + s.vocab) + rows * (columns + s.headDim) + summed(rows, s.vocab, cost.drawn)
  // A layer of the rows that go on, while they are packed closer: beside all that there was.
  const kept = given.together === true ? 0 : Math.floor(mostGoing * rows)
  const packing = kept * room * (2 * k + 1)
  // Prompts come first: the keys of all their layers, and layer by layer their rows in the cache.
  const prefill = sizes({ segments: [{ count: admitted, length: promptTokens, path: 0 }], wanted: 0 })
  const keys = prefill.rows * 2 * k
  const moved = rows * firstRoom + s.layers * firstRoom * perColumn + keys
  const reading = Math.max((s.layers - 1) * keys + around(s, prefill, 0) + blockForward(s, prefill, copied), moved)
  // Further prompts wait for places: what is there and what is new of a layer are put together first.
  const refilling = prompts * completions > rows ? s.layers * keys + (3 * room * perColumn) / 2 + keys / 2 : 0
  const beside = Math.max(growing, attending, feeding, choosing, packing, refilling)
  const packed = packedBytes(s, given.lora)
  const most = Math.max(cache + beside, reading) + (packed.weights + packed.adapter) / f32
  return { cache: f32 * Math.min(cache, most), rest: f32 * Math.max(0, most - cache) }
}

// --- scoring by a judge -----------------------------------------------------------------------------------------------

export interface Readings {
  readonly completions: number
  readonly groupSize: number
  /** Rubric's words and the question; each answer; and what follows it, one a criterion. */
  readonly prefix: number
  readonly answer: number
  readonly asks: number
  readonly criteria: number
  readonly continuations: number
}

/** The trees of one forward pass of a judge: as many readings as are computed at once. */
export const readingTrees = (given: Readings): Trees => {
  const { answer, asks, completions, continuations, criteria, groupSize, prefix } = given
  const tokens = prefix + answer + asks + 1
  const sequences = Math.max(1, Math.floor(tokensAtOnce / tokens))
  const read = Math.min(completions, Math.ceil(sequences / (criteria * continuations)))
  const groups = Math.min(read, Math.max(1, Math.ceil(read / groupSize)))
  return {
    segments: [
      { count: groups, length: prefix + answer + asks, path: 0 },
      { count: read - groups, length: answer + asks, path: prefix },
      { count: read * (criteria - 1), length: asks, path: prefix + answer },
    ],
    wanted: read * criteria * continuations,
  }
}

/** What is read of a rubric: its template in three parts, the criterion's question in the last of them. */
interface Read {
  readonly template: string
  readonly criteria: ReadonlyArray<{
    readonly ask: string
    readonly anchors: { readonly low: string; readonly high: string }
  }>
  readonly readOut: { readonly continuations: ReadonlyArray<string> }
}

/** Most bytes of reading rubrics about all completions of a step; 0 without a rubric. */
export const judgingBytes = (
  s: ModelShape,
  rubrics: ReadonlyArray<Read>,
  load: {
    readonly prompts: { readonly perStep: number }
    readonly groupSize: number
    readonly promptTokens: number
    readonly maxNewTokens: number
    readonly tokens?: (text: string) => number
  },
): number => {
  const tokens = load.tokens ?? ((text: string) => new TextEncoder().encode(text).length)
  const { groupSize, maxNewTokens, promptTokens, prompts } = load
  // One forward pass reads for all of them.
  const readings = rubrics.flatMap((rubric) => {
    const [before = "", behind = ""] = rubric.template.split("{answer}", 2)
    const most = (text: string) =>
      rubric.criteria.reduce((longest, { anchors, ask }) => {
        const words = text.replace("{ask}", ask).replace("{low}", anchors.low).replace("{high}", anchors.high)
        return Math.max(longest, tokens(words.replaceAll(/\{\w+\}/g, "")))
      }, 0)
    return {
      prefix: most(before) + promptTokens,
      // What closes the turn and opens the judge's is few tokens.
      asks: most(behind) + turnTokens,
      criteria: rubric.criteria.length,
      continuations: rubric.readOut.continuations.length,
    }
  })
  if (readings.length === 0) return 0
  const trees = readings.map((reading) =>
    readingTrees({ ...reading, completions: prompts.perStep * groupSize, groupSize, answer: maxNewTokens }),
  )
  // What sampling has laid out for itself is there still.
  return packedBytes(s).weights + Math.max(...trees.map((one) => scoringBytes(s, one)))
}
/** Tokens between an answer that is judged and the judge's own. */
const turnTokens = 4

// --- updates ----------------------------------------------------------------------------------------------------------

/** Most bytes of an update's parts beside weights, adapter and moments; they are held at one time. */
export interface UpdateBytes {
  readonly activations: number
  /** Of `activations`: what the backward pass reads of the layers that do not run again. */
  readonly kept: number
  readonly logits: number
  readonly gradients: number
}

/** How many layers' activations are kept: none or all, as many as go into `keepBytes`, or a number of them. */
export interface Keeping {
  readonly recompute: boolean
  readonly keepBytes?: number | undefined
  readonly layersKept?: number | undefined
}

/** A forward and a backward pass over trees, and the optimiser's step after it. */
export const updateBytes = (
  s: ModelShape,
  trees: Trees,
  { keepBytes, recompute, layersKept = recompute ? 0 : s.layers, ...lora }: Lora & Keeping,
): UpdateBytes => {
  const { ffn, hid, k, q } = widths(s)
  const cost = costsOf(s)
  const size = sizes(trees)
  const { keys, most, queries, rows } = size
  const adapter = adapterParameters(s, lora)
  const low = rows * lora.rank * targetsOf(lora).length
  // What the backward pass reads of a layer, without its input.
  const kept =
    rows *
      (3 * hid + q + (s.qkNorm === true ? q + k : 0) + (s.postNorms === true ? 2 * hid : 0) + cost.gatedKept * ffn) +
    low +
    2 * queries * q +
    2 * keys * k +
    cost.scoresKept * s.heads * size.scores
  const inputs = s.layers * rows * hid
  const layer = blockForward(s, size) - rows * hid + low + cost.scoresKept * s.heads * (size.scores - most.scores)
  const back = Math.max(
    rows * cost.gatedBack * ffn,
    // What the MLP and the output projection kept is given back before attention is pulled.
    queries * q -
      rows * (cost.gatedKept * ffn + hid + q) +
      cost.queriesBack * most.queries * q +
      cost.keysBack * most.keys * k +
      cost.scoresBack * s.heads * most.scores,
  )
  const held = Math.min(s.layers, keepBytes === undefined ? layersKept : Math.floor(keepBytes / (f32 * kept)))
  const again = held < s.layers
  const tape = inputs + held * kept
  // What is kept has gone before another layer runs again.
  const rerun = Math.max(kept + rows * hid + back, layer + rows * hid) - held * kept
  const pulled = 2 * rows * hid + Math.max(back, again ? rerun : 0)
  const last = again ? layer : layer - kept
  const loss = head(s, trees.wanted) + rows * hid
  const body = around(s, size, trees.wanted) - rows * hid + tape + Math.max(last, pulled)
  const top = around(s, size, trees.wanted) - rows * hid + tape + loss
  const beside = Math.max(0, top - body)
  const stepping = (1 + cost.adamW) * adapter
  return {
    activations: f32 * Math.max(body, stepping - adapter),
    kept: f32 * held * kept,
    logits: f32 * beside,
    gradients: f32 * adapter,
  }
}

/** An update that keeps as many layers as `room` has bytes for; none where not even that fits. */
export const updateBytesWithin = (s: ModelShape, trees: Trees, room: number, lora: Lora): UpdateBytes => {
  for (let layersKept = s.layers; layersKept > 0; layersKept--) {
    const found = updateBytes(s, trees, { ...lora, recompute: true, layersKept })
    if (found.activations + found.logits + found.gradients <= room) return found
  }
  return updateBytes(s, trees, { ...lora, recompute: true })
}
