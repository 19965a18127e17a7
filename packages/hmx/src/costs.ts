/** What engines do differently with memory: the numbers in the closed forms of `memory.ts` that are theirs. */
import type { ModelShape } from "./LanguageModel.ts"

export interface Costs {
  /** Copies of each weight matrix at rest: a second layout for products. */
  readonly layouts: number
  /** 16-bit weights stay 16 bits wide. */
  readonly narrow: boolean
  /** Logits that exist at one time, in elements (`LOGITS_AT_ONCE`). */
  readonly logitsAtOnce: number
  /** Arrays of that size at the most, in scoring. */
  readonly logits: number
  /** Logits, whole rows of them, of which two copies in f64 are made at one time to draw from them (`AT_ONCE` of `expSums.ts`). */
  readonly drawn: number
  /** Arrays of [rows, ffn] while the MLP's activation is computed, gate and up among them; and in its pullback. */
  readonly gated: number
  readonly gatedBack: number
  /** Arrays of [rows, ffn] that the backward pass keeps. */
  readonly gatedKept: number
  /** Arrays of attention's probabilities: at the most while it is computed, kept for the backward pass, and in its pullback. */
  readonly scores: number
  /** A softmax of rows that are no multiple of this works on two longer copies. */
  readonly softmaxRows: number
  readonly scoresKept: number
  readonly scoresBack: number
  /** Copies of queries, and of keys and values, of one bucket: while attention is computed, and in its pullback. */
  readonly queries: number
  readonly keys: number
  readonly queriesBack: number
  readonly keysBack: number
  /** Copies of a layer's keys while one token is decoded. */
  readonly keysDecoded: number
  /** Elements of a group of weights from which on sampling has them once more in a layout of its own; Infinity: never. */
  readonly packedFrom: number
  /** Arrays of an adapter's size while AdamW runs, beside weights, gradient and moments. */
  readonly adamW: number
}

const wasm: Costs = {
  layouts: 2,
  narrow: false,
  logitsAtOnce: 4 * 2 ** 20,
  logits: 2,
  drawn: 0,
  gated: 5,
  gatedBack: 3,
  gatedKept: 3,
  scores: 1,
  softmaxRows: 1,
  scoresKept: 1,
  scoresBack: 1,
  queries: 2,
  keys: 2,
  queriesBack: 5,
  keysBack: 6,
  keysDecoded: 0,
  packedFrom: Number.POSITIVE_INFINITY,
  adamW: 3,
}

/** The same operations composed of plain kernels: every step of a softmax is an array. */
const composed: Costs = {
  ...wasm,
  logits: 10,
  gated: 6,
  gatedBack: 6,
  scores: 4,
  softmaxRows: 16,
  scoresBack: 7,
  queries: 3,
  keys: 3,
  keysDecoded: 3,
}

/** By the engine's name, as `ModelInfo.engine` has it. */
export const costs: { readonly [engine: string]: Costs } = {
  "tfjs-wasm": wasm,
  "tfjs-tensorflow": composed,
  "tfjs-cpu": composed,
  /** Attention is one kernel that keeps no probabilities. */
  torch: {
    ...wasm,
    layouts: 1,
    narrow: true,
    logitsAtOnce: 16 * 2 ** 20,
    drawn: 160 * 1024,
    gated: 4,
    gatedBack: 3,
    gatedKept: 4,
    scores: 0,
    scoresKept: 0,
    scoresBack: 0,
    packedFrom: 2 ** 14,
  },
}

/** Those of the engine that the shape was read for; the default engine's where it names none. */
export const costsOf = ({ engine }: ModelShape): Costs => costs[engine ?? ""] ?? wasm
