/**
 * The arithmetic of the operations and of their gradients, composed of plain tfjs kernels: what runs on every backend, and
 * what the fused loops of the wasm backend are compared with. Nothing here checks arguments or records on a tape.
 */
import type { AdamWOptions } from "@hmx/lm"
import { sizeOf } from "@hmx/lm"
import type { Attended, Kept, Scores, Shape } from "./Attention.ts"
import { attention, attentionGrad } from "./Attention.ts"
import type { Device } from "./Device.ts"
import type { Handle } from "./Ledger.ts"
import { bytesOf } from "./Ledger.ts"
import type { Lora } from "./Linear.ts"
import { linear, linearGrad } from "./Linear.ts"
import type { LogitOptions } from "./LogProbs.ts"
import { logProbs, logProbsGrad } from "./LogProbs.ts"

export class Composed {
  readonly device: Device

  constructor(device: Device) {
    this.device = device
  }

  scalar(value: number): Handle {
    return this.device.write(new Float32Array([value]), [])
  }
  filled(shape: ReadonlyArray<number>, value: number): Handle {
    this.device.ledger.admit(bytesOf(shape))
    return this.device.write(new Float32Array(sizeOf(shape)).fill(value), shape)
  }
  reshape(x: Handle, shape: ReadonlyArray<number>): Handle {
    return this.device.ledger.alias(x, shape)
  }
  transpose(x: Handle, perm: ReadonlyArray<number>): Handle {
    return this.device.run("Transpose", { x }, x.size, { perm: [...perm] })
  }
  slice(x: Handle, axis: number, start: number, length: number): Handle {
    const begin = x.shape.map((_, i) => (i === axis ? start : 0))
    const size = x.shape.map((d, i) => (i === axis ? length : d))
    return this.device.run("Slice", { x }, sizeOf(size), { begin, size })
  }
  /** Copies `x` over part of `whole`: no kernel writes into a tensor, so that its array is replaced by one that is put together. */
  write(whole: Handle, x: Handle, axis: number, start: number): void {
    const end = start + (x.shape[axis] ?? 0)
    const size = whole.shape[axis] ?? 0
    const parts = [
      ...(start > 0 ? [this.slice(whole, axis, 0, start)] : []),
      x,
      ...(end < size ? [this.slice(whole, axis, end, size - end)] : []),
    ]
    const made = parts.length === 1 ? this.device.run("Identity", { x }, x.size) : this.concat(parts, axis)
    const { storage } = whole
    whole.storage = made.storage
    made.storage = storage
  }
  /** Attention of a few rows to the first Tk columns of caches with more room; undefined where it takes copies. */
  attendCache(_q: Handle, _k: Handle, _v: Handle, _bias: Handle, _shape: Shape, _scores: Scores): Handle | undefined {
    return undefined
  }
  concat(xs: ReadonlyArray<Handle>, axis: number): Handle {
    const [first, second] = xs
    // TensorFlow's kernel wants two.
    if (first !== undefined && second === undefined) return this.reshape(first, first.shape)
    let elements = 0
    for (const x of xs) elements += x.size
    return this.device.run("Concat", xs, elements, { axis })
  }
  add(a: Handle, b: Handle): Handle {
    return this.#pair("Add", a, b)
  }
  sub(a: Handle, b: Handle): Handle {
    return this.#pair("Sub", a, b)
  }
  mul(a: Handle, b: Handle): Handle {
    return this.#pair("Multiply", a, b)
  }
  div(a: Handle, b: Handle): Handle {
    return this.#pair("RealDiv", a, b)
  }
  #pair(kernel: "Add" | "Sub" | "Multiply" | "RealDiv", a: Handle, b: Handle): Handle {
    // Of operands that broadcast.
    let elements = 1
    for (let i = Math.max(a.shape.length, b.shape.length); i > 0; i--) {
      const [x = 1, y = 1] = [a.shape.at(-i), b.shape.at(-i)]
      elements *= x === 1 ? y : x
    }
    return this.device.run(kernel, { a, b }, elements)
  }
  scale(x: Handle, factor: number): Handle {
    return this.mul(x, this.scalar(factor))
  }
  plus(x: Handle, term: number): Handle {
    return this.add(x, this.scalar(term))
  }
  tanh(x: Handle): Handle {
    return this.#each(x, (each) => this.device.run("Tanh", { x: each }, each.size))
  }
  exp(x: Handle): Handle {
    return this.#each(x, (each) => this.device.run("Exp", { x: each }, each.size))
  }
  log(x: Handle): Handle {
    return this.#each(x, (each) => this.device.run("Log", { x: each }, each.size))
  }
  sqrt(x: Handle): Handle {
    return this.device.run("Sqrt", { x }, x.size)
  }
  square(x: Handle): Handle {
    return this.mul(x, x)
  }
  sigmoid(x: Handle): Handle {
    return this.#each(x, (each) => this.device.run("Sigmoid", { x: each }, each.size))
  }
  softmax(logits: Handle): Handle {
    const last = logits.shape.at(-1) ?? 1
    const softmax = (rows: Handle) =>
      this.device.run("Softmax", { logits: rows }, rows.size, { dim: rows.shape.length - 1 })
    const { blocks } = this.device.loaded
    if (blocks === undefined || last === 0) return softmax(logits)
    return this.reshape(
      this.#even(this.reshape(logits, [logits.size / last, last]), blocks.elements, softmax),
      logits.shape,
    )
  }
  /** Σ over some axes, which stay with size 1 if `keep`. */
  sumOver(x: Handle, axes: ReadonlyArray<number>, keep: boolean): Handle {
    const shape = keep ? x.shape.map((d, i) => (axes.includes(i) ? 1 : d)) : x.shape.filter((_, i) => !axes.includes(i))
    if (axes.length === 0) return this.reshape(x, shape)
    if (x.size === 0) return this.filled(shape, 0)
    return this.reshape(this.device.run("Sum", { x }, sizeOf(shape), { axis: [...axes], keepDims: keep }), shape)
  }
  maxLast(x: Handle): Handle {
    const last = x.shape.length - 1
    const shape = x.shape.map((d, i) => (i === last ? 1 : d))
    return this.reshape(
      this.device.run("Max", { x }, sizeOf(shape), { reductionIndices: [last], keepDims: true }),
      shape,
    )
  }
  /** Product of two matrices, or of two stacks of matrices of the same depth. No transposed operands: they are slow on wasm. */
  matMul(a: Handle, b: Handle): Handle {
    const rank = a.shape.length
    const shape = [...a.shape.slice(0, -1), b.shape[rank - 1] ?? 0]
    if (sizeOf(shape) === 0 || a.shape[rank - 1] === 0) return this.filled(shape, 0)
    return this.reshape(
      this.device.run("BatchMatMul", { a, b }, sizeOf(shape), { transposeA: false, transposeB: false }),
      shape,
    )
  }
  /** The product [N, I]·[I, O] of a linear layer. */
  rowProduct(x: Handle, w: Handle): Handle {
    return this.#even(x, this.device.loaded.blocks?.rows, (rows) => this.matMul(rows, w))
  }
  /**
   * A row's result must not depend on the rows beside it. Where the backend computes the end of its blocks in another order, or with another
   * exponential, the last block is filled up with rows that are there.
   */
  #even(x: Handle, block: number | undefined, run: (x: Handle) => Handle): Handle {
    const [n = 0] = x.shape
    const missing = block === undefined ? 0 : (block - (n % block)) % block
    if (missing === 0 || x.size === 0) return run(x)
    const whole = Array.from({ length: Math.floor(missing / n) }, () => x)
    const rest = missing % n
    const parts = [x, ...whole, ...(rest === 0 ? [] : [this.slice(x, 0, 0, rest)])]
    return this.device.ledger.scope(() => this.slice(run(this.concat(parts, 0)), 0, 0, n))
  }
  /** The same for a function of each element. */
  #each(x: Handle, run: (x: Handle) => Handle): Handle {
    const { blocks } = this.device.loaded
    if (blocks === undefined) return run(x)
    return this.reshape(this.#even(this.reshape(x, [x.size]), blocks.elements, run), x.shape)
  }
  /** Swaps the last two axes. */
  swap(x: Handle): Handle {
    const rank = x.shape.length
    return this.transpose(
      x,
      [...x.shape.keys()].map((i) => (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i)),
    )
  }
  oneHot(indices: Handle, depth: number): Handle {
    // As integers first: wasm's kernel writes integers whatever the dtype.
    const x = this.device.run("OneHot", { indices }, indices.size * depth, {
      depth,
      onValue: 1,
      offValue: 0,
      dtype: "int32",
    })
    return this.device.run("Cast", { x }, x.size, { dtype: "float32" })
  }
  rows(x: Handle, ids: Handle): Handle {
    return this.device.run("GatherV2", { x, indices: ids }, ids.size * sizeOf(x.shape.slice(1)), {
      axis: 0,
      batchDims: 0,
    })
  }

  /** Adds the rows of `g` [N, F] up at `ids` [N] → [size, F]. */
  scatterAdd(g: Handle, ids: Handle, size: number): Handle {
    const width = g.size / Math.max(1, ids.size)
    if (g.size > 0 && this.device.has("UnsortedSegmentSum"))
      return this.device.run("UnsortedSegmentSum", { x: g, segmentIds: ids }, size * width, { numSegments: size })
    this.device.ledger.admit(bytesOf([size, width]))
    const rows = this.device.peek(g, "gather")
    const at = this.device.peek(ids, "gather")
    const sum = new Float32Array(size * width)
    for (let n = 0; n < ids.size; n++) {
      const to = (at[n] ?? 0) * width
      for (let f = 0; f < width; f++) sum[to + f] = (sum[to + f] ?? 0) + (rows[n * width + f] ?? 0)
    }
    return this.device.write(sum, [size, width])
  }

  /** Sums a gradient over the axes along which `shape` was broadcast. */
  unbroadcast(g: Handle, shape: ReadonlyArray<number>): Handle {
    const extra = g.shape.length - shape.length
    const axes = [...g.shape.keys()].filter((i) => i < extra || (shape[i - extra] === 1 && g.shape[i] !== 1))
    if (axes.length === 0) return this.device.ledger.alias(g, shape)
    return this.reshape(this.sumOver(g, axes, false), shape)
  }
  broadcastTo(x: Handle, shape: ReadonlyArray<number>): Handle {
    return this.add(x, this.filled(shape, 0))
  }

  // --- layers ---

  rmsNorm(x: Handle, w: Handle, eps: number): Handle {
    return this.mul(this.mul(x, this.#inverseRms(x, eps)), w)
  }
  #inverseRms(x: Handle, eps: number): Handle {
    const last = x.shape.length - 1
    const mean = this.scale(this.sumOver(this.square(x), [last], true), 1 / (x.shape[last] ?? 1))
    return this.div(this.scalar(1), this.sqrt(this.plus(mean, eps)))
  }
  /** With r = 1/√(mean x² + eps), g = dy·w: dx = r·g − x·r³·mean(g·x), dw = Σ dy·x·r. */
  rmsNormGrad(x: Handle, w: Handle, eps: number, dy: Handle): { readonly x: Handle; readonly w: Handle } {
    const last = x.shape.length - 1
    const r = this.#inverseRms(x, eps)
    const g = this.mul(dy, w)
    const mean = this.scale(this.sumOver(this.mul(g, x), [last], true), 1 / (x.shape[last] ?? 1))
    const dx = this.sub(this.mul(r, g), this.mul(x, this.mul(mean, this.mul(r, this.mul(r, r)))))
    return { x: dx, w: this.unbroadcast(this.mul(dy, this.mul(x, r)), w.shape) }
  }

  /** Rotation by the angle (cos, sin); by its opposite if `back`, which is the gradient. */
  rotary(x: Handle, cos: Handle, sin: Handle, back: boolean): Handle {
    const [n = 0, , d = 0] = x.shape
    const half = d / 2
    const c = this.reshape(cos, [n, 1, half])
    const s = this.reshape(back ? this.scale(sin, -1) : sin, [n, 1, half])
    const left = this.slice(x, 2, 0, half)
    const right = this.slice(x, 2, half, half)
    return this.concat(
      [this.sub(this.mul(left, c), this.mul(right, s)), this.add(this.mul(right, c), this.mul(left, s))],
      2,
    )
  }

  gatedMlp(gate: Handle, up: Handle, activation: "silu" | "gelu_tanh"): Handle {
    return this.mul(this.#activation(gate, activation).value, up)
  }
  gatedMlpGrad(
    gate: Handle,
    up: Handle,
    activation: "silu" | "gelu_tanh",
    dy: Handle,
  ): { readonly gate: Handle; readonly up: Handle } {
    const { value, slope } = this.#activation(gate, activation)
    return { gate: this.mul(this.mul(dy, up), slope()), up: this.mul(dy, value) }
  }
  #activation(g: Handle, kind: "silu" | "gelu_tanh"): { readonly value: Handle; readonly slope: () => Handle } {
    if (kind === "silu") {
      const s = this.sigmoid(g)
      const value = this.mul(g, s)
      // σ + g·σ·(1 − σ)
      return { value, slope: () => this.add(s, this.sub(value, this.mul(value, s))) }
    }
    // ½ g (1 + tanh u), u = √(2/π)(g + 0.044715 g³)
    const root = Math.sqrt(2 / Math.PI)
    const square = this.square(g)
    const t = this.tanh(this.scale(this.mul(g, this.plus(this.scale(square, 0.044715), 1)), root))
    const half = this.scale(this.plus(t, 1), 0.5)
    return {
      value: this.mul(g, half),
      slope: () => {
        const du = this.scale(this.plus(this.scale(square, 3 * 0.044715), 1), root)
        const dt = this.sub(this.scalar(1), this.square(t))
        return this.add(half, this.scale(this.mul(g, this.mul(dt, du)), 0.5))
      },
    }
  }

  linear(x: Handle, w: Handle, bias: Handle | undefined, lora: Lora | undefined) {
    return linear(this, x, w, bias, lora)
  }
  linearGrad(
    x: Handle,
    w: Handle,
    lora: (Lora & { readonly low: Handle }) | undefined,
    dy: Handle,
    wanted: { readonly x: boolean; readonly w: boolean },
  ) {
    return linearGrad(this, x, w, lora, dy, wanted)
  }
  /** `p` and `cap` are there if `keep` asks for what the gradient needs. */
  attention(q: Handle, k: Handle, v: Handle, bias: Handle, shape: Shape, scores: Scores, _keep: boolean): Attended {
    return attention(this, q, k, v, bias, shape, scores)
  }
  attentionGrad(kept: Kept, dy: Handle, shape: Shape, scores: Scores) {
    return attentionGrad(this, kept, dy, shape, scores)
  }
  logProbs(h: Handle, wT: Handle, targets: Handle, options: LogitOptions) {
    return logProbs(this, h, wT, targets, options)
  }
  logProbsGrad(h: Handle, w: Handle, targets: Handle, dy: Handle, wantW: boolean, options: LogitOptions) {
    return logProbsGrad(this, h, w, targets, dy, wantW, options)
  }

  /** torch.optim.AdamW. */
  adamW(p: Handle, g: Handle, m: Handle, v: Handle, options: AdamWOptions) {
    const { learningRate, beta1, beta2, epsilon, weightDecay, step } = options
    const m1 = this.add(this.scale(m, beta1), this.scale(g, 1 - beta1))
    const v1 = this.add(this.scale(v, beta2), this.scale(this.square(g), 1 - beta2))
    const root = this.plus(this.scale(this.sqrt(v1), 1 / Math.sqrt(1 - beta2 ** step)), epsilon)
    const change = this.scale(this.div(m1, root), learningRate / (1 - beta1 ** step))
    return { param: this.sub(this.scale(p, 1 - learningRate * weightDecay), change), m: m1, v: v1 }
  }
}
