/**
 * The tensor engine under a local model (DESIGN §4): a small set of named operations over shaped, dtyped, opaque tensors, and
 * `vjp`. An engine brings its own gradients; the decoder, the sampler and the trainer are written once on this interface.
 * Every call is synchronous: an engine lives in the model's worker thread.
 *
 * Shapes: N rows (tokens), B batch, T time, H query heads, K key/value heads, D head dimension, I/O in and out features, V vocabulary.
 */

import { amount } from "hmx"

export type DType = "f32" | "bf16" | "f16" | "i32"

/** An opaque array on the engine's device. Only the engine that made it can read it. */
export interface Tensor {
  readonly shape: ReadonlyArray<number>
  readonly dtype: DType
}

/** LoRA beside a linear layer: y += scale · (x aᵀ) bᵀ. */
export interface LoraWeights {
  /** [r, I] */
  readonly a: Tensor
  /** [O, r] */
  readonly b: Tensor
  readonly scale: number
}

export interface AttentionOptions {
  /** Added to the scores before softmax: 0 where a key is visible and a large negative number where it is not. [B or 1, Tq, Tk] */
  readonly bias: Tensor
  /** Multiplies q·k. */
  readonly scale: number
  /** How many columns of k and v there are: a cache may have room behind them. Default: all. The bias has as many. */
  readonly keys?: number
  /** softcap · tanh(scores / softcap), before the bias (Gemma 2). */
  readonly softcap?: number
}

export interface LogProbsOptions {
  /** Divides the logits (after softcap). Default 1. */
  readonly temperature?: number
  readonly softcap?: number
  /** Rows of logits that exist at one time. Default: the engine's choice. */
  readonly chunk?: number
}

export interface AdamWOptions {
  readonly learningRate: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  /** 1 for the first step: bias correction. */
  readonly step: number
}

export interface AdamWState {
  readonly m: Tensor
  readonly v: Tensor
}

/** Of B blocks of each of R rows of logits x, in f64 on the host; s = x / temperature, rounded to f32. */
export interface ExpSums {
  /** The largest x. [R · B] */
  readonly max: Float64Array
  /** Σ exp(s − the row's largest s). [R · B] */
  readonly sums: Float64Array
  /** Σ exp((x − the row's largest x) / temperature) over the whole row. [R] */
  readonly totals: Float64Array
}

export interface EngineInfo {
  readonly name: string
  readonly version: string
  /** "cpu", "cuda:0" … */
  readonly device: string
  readonly threads: number
  /** What matrix products are computed in. */
  readonly compute: DType
  /** What the engine decided by itself, and why: sentences for the log. */
  readonly notes: ReadonlyArray<string>
}

/** Live tensors, their bytes, the most bytes since `resetPeak`, and the most that there may be (Infinity where nobody has said). */
export interface EngineMemory {
  readonly tensors: number
  readonly bytes: number
  readonly peak: number
  readonly limit: number
  /**
   * Bytes of a GPU's memory that are taken: what the library's allocator holds (more than `bytes`, for it keeps what was freed), CUDA itself, and
   * whoever else uses the device, which its runtime does not tell apart. Undefined on a processor: nobody says what its allocator
   * holds, and a process's resident memory is code, heap and pages of files as well.
   */
  readonly reserved?: number
}

/** A tensor's numbers as they stand in a file: little-endian, the last axis fastest, without gaps. */
export interface TensorFile {
  readonly path: string
  /** Its first byte. */
  readonly offset: number
  /** Fills `target` with the bytes from `position` on, counted from `offset`; throws where that cannot be. */
  readonly read: (target: Uint8Array, position: number) => void
}

/** Outputs of a function and the map from their cotangents to those of its inputs and parameters. */
export interface Vjp {
  readonly outputs: ReadonlyArray<Tensor>
  /**
   * One use; releases what the forward kept. A cotangent has its output's shape. Gradients of inputs without any influence
   * (and of integer inputs) are `undefined`. While another `vjp` records, gradients are constants to it.
   */
  readonly pullback: (cotangents: ReadonlyArray<Tensor>) => {
    readonly inputs: ReadonlyArray<Tensor | undefined>
    readonly params: ReadonlyArray<Tensor | undefined>
  }
  /** Releases what the forward kept when no pullback is wanted. */
  readonly release: () => void
}

/** Anything built of tensors: what a scope can return. */
export type Tensors = Tensor | undefined | void | number | ReadonlyArray<Tensors> | { readonly [key: string]: Tensors }

/** Thrown (engines are synchronous); the worker's edge turns them into the typed errors of `hmx`. */
export class EngineOutOfMemory extends Error {
  override readonly name = "EngineOutOfMemory"
  readonly bytes: number
  /** The operation. */
  readonly where: string
  constructor(bytes: number, where: string) {
    super(`out of memory in ${where}: ${amount(bytes)} wanted`)
    this.bytes = bytes
    this.where = where
  }
}

/** A wrong shape, dtype or a freed tensor: a mistake of the caller, said with the operation's name. */
export class EngineMisuse extends Error {
  override readonly name = "EngineMisuse"
}

/** The engine cannot be made: its libraries are absent, of another version, or of another platform. */
export class EngineUnavailable extends Error {
  override readonly name = "EngineUnavailable"
  readonly where: string
  readonly found: string
  readonly expected: string
  constructor(where: string, found: string, expected: string, cause?: unknown) {
    super(`${where}: found ${found}; expected ${expected}`, { cause })
    this.where = where
    this.found = found
    this.expected = expected
  }
}

export interface Engine {
  readonly info: EngineInfo

  // --- ownership ---
  /** Frees every tensor made in `body` but those in its result (and those made by `keep`). Scopes nest. */
  scope<A extends Tensors>(body: () => A): A
  /** Takes a tensor out of every scope: it lives until `free`. Returns it. */
  keep(t: Tensor): Tensor
  free(...ts: ReadonlyArray<Tensor | undefined>): void
  memory(): EngineMemory
  resetPeak(): void
  /**
   * Gives host memory that its allocator holds back after freeing to the system, and the pages of `cold` weights out of files, which will not be
   * needed soon: some tens of milliseconds. Optional.
   */
  readonly trim?: (cold?: ReadonlyArray<Tensor>) => void
  /** Ends the engine: threads, heap. */
  close(): void

  // --- host transfer ---
  /** bf16 and f16 come as their bits in a Uint16Array; an engine without that type holds f32. */
  upload(data: Float32Array | Int32Array | Uint16Array, shape: ReadonlyArray<number>, dtype: DType): Tensor
  /**
   * A constant out of a file, without a second copy on the host: mapped where the engine can, else read in pieces. `seen` is given all of its
   * bytes in order, in pieces of whole elements, each valid until it returns; what it throws ends the call. They are for reading: what it writes
   * there changes no file, and whether it changes the tensor is not said. A mapped file must not be written to while the tensor lives (to replace it
   * by a rename is well). The engine cannot be closed by `seen` or `read`.
   */
  fromFile(
    file: TensorFile,
    shape: ReadonlyArray<number>,
    dtype: DType,
    seen: (bytes: Uint8Array<ArrayBuffer>) => void,
  ): Tensor
  /** f32 whatever the stored type; i32 as Int32Array. */
  download(t: Tensor): Float32Array | Int32Array
  /**
   * Copies `x` over part of `into`, from `start` on along `axis`: the one operation that changes a tensor, for caches. `into` must have its
   * memory to itself: views of it, and tapes that keep it, are gone. Not inside `vjp`.
   */
  write(into: Tensor, x: Tensor, axis: number, start: number): void
  /** Says that a weight never changes: an engine may keep it in a second layout. Counted in `memory`. Returns it. */
  frozen(t: Tensor): Tensor
  /**
   * A copy of weights [O, I], one under another, laid out for `linear`, which alone takes it, outside `vjp`. A row's result is the same beside any number of
   * rows. The memory of the weights themselves may go to disk meanwhile. Undefined where nothing is gained; optional.
   */
  readonly packed?: (ws: ReadonlyArray<Tensor>) => Tensor | undefined

  // --- shape (differentiable) ---
  reshape(x: Tensor, shape: ReadonlyArray<number>): Tensor
  transpose(x: Tensor, perm: ReadonlyArray<number>): Tensor
  slice(x: Tensor, axis: number, start: number, length: number): Tensor
  concat(xs: ReadonlyArray<Tensor>, axis: number): Tensor
  /** Rows of axis 0 by index, any shape behind it; the gradient adds up where an index repeats. `ids` i32 [N]. */
  gather(x: Tensor, ids: Tensor): Tensor

  // --- arithmetic (differentiable, numpy broadcasting) ---
  add(a: Tensor, b: Tensor): Tensor
  sub(a: Tensor, b: Tensor): Tensor
  mul(a: Tensor, b: Tensor): Tensor
  /** x · factor */
  scale(x: Tensor, factor: number): Tensor
  /** Σ over everything: []. */
  sum(x: Tensor): Tensor

  // --- layers (differentiable) ---
  /** [N, I] · w[O, I]ᵀ (+ bias [O]) (+ LoRA) → [N, O]. */
  linear(
    x: Tensor,
    w: Tensor,
    options?: { readonly bias?: Tensor | undefined; readonly lora?: LoraWeights | undefined },
  ): Tensor
  /** x / √(mean(x²) + eps) · w over the last axis; computed in f32. w [last] */
  rmsNorm(x: Tensor, w: Tensor, eps: number): Tensor
  /** Rotates halves (HF layout): x [N, heads, D], cos and sin [N, D/2]. */
  rotary(x: Tensor, cos: Tensor, sin: Tensor): Tensor
  /** q [B, Tq, H, D], k and v [B, Tk, K, D] (H a multiple of K) → [B, Tq, H, D]. */
  attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor
  /** act(gate) · up, elementwise. */
  gatedMlp(gate: Tensor, up: Tensor, activation: "silu" | "gelu_tanh"): Tensor
  /**
   * log softmax(h wᵀ / temperature) at `targets`, and the entropy of each row, without a [N, V] tensor: chunk by chunk, again in
   * the backward pass. h [N, I], w [V, I], targets i32 [N] → [N] each. The entropy carries no gradient.
   */
  logProbs(
    h: Tensor,
    w: Tensor,
    targets: Tensor,
    options?: LogProbsOptions,
  ): { readonly logprobs: Tensor; readonly entropy: Tensor }

  // --- sampling ---
  /**
   * What a draw from softmax(logits / temperature) needs to know of every row of logits f32 [R, V], block by block (the last may be shorter),
   * so that the logits themselves stay on the device. Where an engine lacks it, they are downloaded.
   */
  readonly expSums?: (logits: Tensor, temperature: number, block: number) => ExpSums

  // --- training ---
  /** Runs `f` under the engine's autograd. `f` may use other tensors; they are constants. */
  vjp(
    f: (inputs: ReadonlyArray<Tensor>, params: ReadonlyArray<Tensor>) => ReadonlyArray<Tensor>,
    inputs: ReadonlyArray<Tensor>,
    params: ReadonlyArray<Tensor>,
  ): Vjp
  /** Σ x² over all tensors, summed in f64 where the engine can. */
  sumSquares(xs: ReadonlyArray<Tensor>): number
  /** Decoupled decay, bias correction (torch.optim.AdamW). Frees nothing: returns the new parameter and moments. */
  adamW(
    param: Tensor,
    grad: Tensor,
    state: AdamWState,
    options: AdamWOptions,
  ): { readonly param: Tensor; readonly state: AdamWState }
}

/** What every engine can be made with. */
export interface EngineOptions {
  /** Default: the engine's choice. */
  readonly threads?: number
  /** Bytes that its tensors may take together; what would go beyond is EngineOutOfMemory before a library is asked. Default: the machine's memory. */
  readonly memory?: number
}
