/**
 * `Engine` on libtorch: checks the arguments, which libtorch would answer with a crash or a slow exception, and runs the operators.
 */
import type {
  AdamWOptions,
  AdamWState,
  AttentionOptions,
  DType,
  Engine,
  EngineInfo,
  EngineMemory,
  ExpSums,
  LogProbsOptions,
  LoraWeights,
  Tensor,
  TensorFile,
  Tensors,
  Vjp,
} from "@hmx/lm"
import { broadcastShape, checkShape, checkSize, engineArguments, misuse } from "@hmx/lm"
import { attention } from "./attention.ts"
import { Dispatcher } from "./Dispatcher.ts"
import type { ComputeType } from "./computeType.ts"
import { computeType } from "./computeType.ts"
import { expSums } from "./expSums.ts"
import { fromFile } from "./fromFile.ts"
import { gatedMlp, linear, rmsNorm, rotary } from "./Layers.ts"
import type { Handle } from "./Ledger.ts"
import { Ledger, rangeOf } from "./Ledger.ts"
import { logProbs } from "./LogProbs.ts"
import type { Natives } from "./Natives.ts"
import { MAX_RANK } from "./Natives.ts"
import type { Placement } from "./Ops.ts"
import { Ops } from "./Ops.ts"
import { adamW, sumSquares } from "./optimiser.ts"
import { checkPacked, giveBack, packed } from "./packed.ts"
import { Tape } from "./Tape.ts"
import { show as showVersion } from "./version.ts"
import { vjpOf } from "./vjpOf.ts"

/** Logits that exist at one time when the caller does not say: 64 MiB. */
const LOGITS_AT_ONCE = 16 * 1024 * 1024

export class TorchEngine implements Engine {
  readonly #ledger: Ledger
  readonly #dispatcher: Dispatcher
  readonly #ops: Ops
  readonly #device: string
  readonly #types = new Map<"bf16" | "f16", ComputeType>()
  #closed = false
  /** Calls of `fromFile` under way: what the caller is shown must stay while it looks. */
  #reading = 0
  /** Has the host's allocator give back what it holds; set by `create`. */
  trimmer: () => void = () => {}

  readonly #wanted: "f32" | "stored" | undefined

  /** `memory`: bytes that tensors may take; `compute`: of narrow weights, where the caller decides. */
  constructor(
    natives: Natives,
    device: string,
    placement: Placement,
    memory: number | undefined,
    compute: "f32" | "stored" | undefined,
  ) {
    this.#wanted = compute
    this.#dispatcher = new Dispatcher(natives)
    this.#ledger = new Ledger((native) => this.#dispatcher.delete(native), memory)
    this.#ops = new Ops(this.#dispatcher, this.#ledger, placement)
    this.#device = device
    // The device's memory is asked for once, so that a device that is not there is said here.
    this.#ledger.scope(() => void this.#ops.filled([1], 0))
  }

  /** `compute` is f32 until weights of a narrow type come, then that type where the machine is fast at it. */
  get info(): EngineInfo {
    const { natives } = this.#dispatcher
    return {
      name: "torch",
      version: `${showVersion(natives.version)}${natives.what === undefined ? ", whose errors have no text" : ""}`,
      device: this.#device,
      threads: this.#ops.threads,
      compute: this.#types.values().find(({ dtype }) => dtype !== "f32")?.dtype ?? "f32",
      notes: Array.from(
        this.#types,
        ([stored, { dtype, why }]) => `${stored} weights are computed with in ${dtype}: ${why}`,
      ),
    }
  }

  // --- ownership ---

  scope<A extends Tensors>(body: () => A): A {
    this.#open("scope")
    return this.#ledger.scope(body)
  }
  keep(t: Tensor): Tensor {
    this.#ledger.keep(this.#own(t, "keep"))
    return t
  }
  free(...ts: ReadonlyArray<Tensor | undefined>): void {
    if (this.#closed) return
    for (const t of ts) if (t !== undefined) this.#ledger.freeOwn(t)
  }
  memory(): EngineMemory {
    const reserved = this.#dispatcher.natives.cuda?.taken(this.#ops.placement.index)
    return { ...this.#ledger.memory(), ...(reserved === undefined ? {} : { reserved }) }
  }
  trim(cold: ReadonlyArray<Tensor> = []): void {
    for (const t of cold) giveBack(this.#ops, this.#own(t, "trim"))
    this.trimmer()
  }
  resetPeak(): void {
    this.#ledger.resetPeak()
  }
  close(): void {
    if (this.#closed) return
    if (this.#reading > 0) misuse("close", "a file is being read")
    this.#closed = true
    this.#ledger.clear()
    this.#ops.freeScalars()
  }

  // --- host transfer ---

  upload(data: Float32Array | Int32Array | Uint16Array, shape: ReadonlyArray<number>, dtype: DType): Tensor {
    const at = "upload"
    this.#open(at)
    const sizes = engineArguments.made(shape, data.length, dtype, at)
    if (sizes.length > MAX_RANK) misuse(at, `${sizes.length} axes; at most ${MAX_RANK}`)
    const narrow = dtype === "bf16" || dtype === "f16"
    if (narrow !== data instanceof Uint16Array || (dtype === "i32") !== data instanceof Int32Array)
      misuse(
        at,
        `${dtype} comes as ${narrow ? "a Uint16Array of its bits" : dtype === "i32" ? "an Int32Array" : "a Float32Array"}`,
      )
    if (narrow) this.#compute(dtype)
    const t = this.#ops.upload(data, sizes, dtype)
    if (dtype === "i32") t.range = rangeOf(data)
    return t
  }
  fromFile(
    file: TensorFile,
    shape: ReadonlyArray<number>,
    dtype: DType,
    seen: (bytes: Uint8Array<ArrayBuffer>) => void,
  ): Tensor {
    const at = "fromFile"
    this.#open(at)
    const sizes = engineArguments.fromFile(file, shape, dtype)
    if (sizes.length > MAX_RANK) misuse(at, `${sizes.length} axes; at most ${MAX_RANK}`)
    if (dtype === "bf16" || dtype === "f16") this.#compute(dtype)
    this.#reading++
    try {
      return this.#ledger.scope(() => fromFile(this.#ops, file, sizes, dtype, seen))
    } finally {
      this.#reading--
    }
  }
  download(t: Tensor): Float32Array | Int32Array {
    return this.#ops.read(this.#own(t, "download"))
  }
  write(into: Tensor, x: Tensor, axis: number, start: number): void {
    const at = "write"
    const whole = this.#own(into, at)
    const part = this.#own(x, at)
    engineArguments.write(whole, part, axis, start, whole.storage.users)
    if (whole.storage.mapped === true) misuse(at, "a file's tensor is a constant")
    if (this.#ops.tape !== undefined) misuse(at, "what is changed has no gradient: it cannot be inside vjp")
    this.#ledger.changed(whole)
    if (part.size > 0) this.#ops.write(whole, part, axis, start)
  }
  frozen(t: Tensor): Tensor {
    // Torch's products read either layout.
    return this.#own(t, "frozen")
  }
  packed(ws: ReadonlyArray<Tensor>): Tensor | undefined {
    const weights = ws.map((w) => this.#own(w, "packed", "float"))
    engineArguments.packed(weights)
    return packed(this.#ops, weights)
  }

  // --- shape ---

  reshape(x: Tensor, shape: ReadonlyArray<number>): Tensor {
    const a = this.#own(x, "reshape")
    const sizes = checkSize(shape, a.size, "reshape")
    if (sizes.length > MAX_RANK) misuse("reshape", `${sizes.length} axes; at most ${MAX_RANK}`)
    return this.#ops.reshape(a, sizes)
  }
  transpose(x: Tensor, perm: ReadonlyArray<number>): Tensor {
    const a = this.#own(x, "transpose")
    engineArguments.transpose(a, perm)
    return this.#ops.permute(a, perm)
  }
  slice(x: Tensor, axis: number, start: number, length: number): Tensor {
    const a = this.#own(x, "slice")
    engineArguments.slice(a, axis, start, length)
    return this.#ops.narrow(a, axis, start, length)
  }
  concat(xs: ReadonlyArray<Tensor>, axis: number): Tensor {
    const parts = xs.map((x) => this.#own(x, "concat"))
    engineArguments.concat(parts, axis)
    return this.#ops.cat(parts, axis)
  }
  gather(x: Tensor, ids: Tensor): Tensor {
    const table = this.#own(x, "gather")
    const at = this.#own(ids, "gather", "i32")
    engineArguments.gather(table, at)
    this.#within(at, table.shape[0] ?? 0, "gather", "id")
    return this.#ledger.scope(() => this.#ops.rows(table, at))
  }

  // --- arithmetic ---

  add(a: Tensor, b: Tensor): Tensor {
    const [x, y, shape] = this.#pair(a, b, "add")
    return this.#ops.subtract(x, y, -1, shape)
  }
  sub(a: Tensor, b: Tensor): Tensor {
    const [x, y, shape] = this.#pair(a, b, "sub")
    return this.#ops.subtract(x, y, 1, shape)
  }
  mul(a: Tensor, b: Tensor): Tensor {
    const [x, y, shape] = this.#pair(a, b, "mul")
    return this.#ops.mul(x, y, shape)
  }
  scale(x: Tensor, factor: number): Tensor {
    return this.#ops.scale(this.#own(x, "scale", "f32"), factor)
  }
  sum(x: Tensor): Tensor {
    return this.#ops.sum(this.#own(x, "sum", "f32"))
  }

  // --- layers ---

  linear(
    x: Tensor,
    w: Tensor,
    options: { readonly bias?: Tensor | undefined; readonly lora?: LoraWeights | undefined } = {},
  ): Tensor {
    const at = "linear"
    const rows = this.#own(x, at, "f32")
    const weight = this.#own(w, at, "float")
    const bias = options.bias === undefined ? undefined : this.#own(options.bias, at, "float")
    const lora = options.lora && {
      a: this.#own(options.lora.a, at, "float"),
      b: this.#own(options.lora.b, at, "float"),
      scale: options.lora.scale,
    }
    engineArguments.linear(rows, weight, bias, lora)
    checkPacked(rows, weight, lora)
    if (weight.storage.packed === true && this.#ops.tape !== undefined) misuse(at, "a packed weight has no gradient")
    return this.#ledger.scope(() => linear(this.#ops, rows, weight, this.#compute, bias, lora))
  }
  rmsNorm(x: Tensor, w: Tensor, eps: number): Tensor {
    const at = "rmsNorm"
    const a = this.#own(x, at, "f32")
    const weight = this.#own(w, at, "float")
    engineArguments.rmsNorm(a, weight)
    return this.#ledger.scope(() => rmsNorm(this.#ops, a, weight, eps))
  }
  rotary(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
    const at = "rotary"
    const a = this.#own(x, at, "f32")
    const c = this.#own(cos, at, "f32")
    const s = this.#own(sin, at, "f32")
    engineArguments.rotary(a, c, s)
    return this.#ledger.scope(() => rotary(this.#ops, a, c, s))
  }
  attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
    const at = "attention"
    const qs = this.#own(q, at, "f32")
    const ks = this.#own(k, at, "f32")
    const vs = this.#own(v, at, "f32")
    const bias = this.#own(options.bias, at, "f32")
    engineArguments.attention(qs, ks, vs, options)
    // Activations are f32: attention takes the type of the products beside it.
    const fold = this.#ops.onHost ? undefined : this.info.compute === "bf16" ? "bf16" : "f32"
    return this.#ledger.scope(() => attention(this.#ops, qs, ks, vs, bias, { ...options, fold }))
  }
  gatedMlp(gate: Tensor, up: Tensor, activation: "silu" | "gelu_tanh"): Tensor {
    const at = "gatedMlp"
    const g = this.#own(gate, at, "f32")
    const u = this.#own(up, at, "f32")
    engineArguments.gatedMlp(g, u)
    return this.#ledger.scope(() => gatedMlp(this.#ops, g, u, activation))
  }
  logProbs(
    h: Tensor,
    w: Tensor,
    targets: Tensor,
    options: LogProbsOptions = {},
  ): { readonly logprobs: Tensor; readonly entropy: Tensor } {
    const at = "logProbs"
    const rows = this.#own(h, at, "f32")
    const weight = this.#own(w, at, "float")
    const ids = this.#own(targets, at, "i32")
    const how = engineArguments.logProbs(rows, weight, ids, options, LOGITS_AT_ONCE)
    this.#within(ids, weight.shape[0] ?? 0, at, "target")
    return logProbs(this.#ops, rows, weight, ids, this.#compute, how)
  }

  // --- sampling ---

  expSums(logits: Tensor, temperature: number, block: number): ExpSums {
    const at = "expSums"
    const x = this.#own(logits, at, "f32")
    engineArguments.expSums(x, temperature, block)
    if (this.#ops.tape !== undefined) misuse(at, "what the host reads has no gradient: it cannot be inside vjp")
    return expSums(this.#ops, x, temperature, block)
  }

  // --- training ---

  vjp(
    f: (inputs: ReadonlyArray<Tensor>, params: ReadonlyArray<Tensor>) => ReadonlyArray<Tensor>,
    inputs: ReadonlyArray<Tensor>,
    params: ReadonlyArray<Tensor>,
  ): Vjp {
    const at = "vjp"
    this.#open(at)
    const ops = this.#ops
    if (ops.tape !== undefined) misuse(at, "one vjp cannot run inside another")
    const xs = inputs.map((t) => this.#own(t, at))
    const ps = params.map((t) => this.#own(t, at))
    const tape = new Tape(ops, [...xs, ...ps])
    try {
      return ops.under(tape, () => {
        const outputs = this.#ledger.scope(() => [...f(xs, ps)]).map((t) => this.#own(t, at))
        return vjpOf(ops, tape, outputs, xs, ps, (cotangent, output) => {
          const g = this.#own(cotangent, at, output.dtype === "i32" ? undefined : "f32")
          checkShape(g, output.shape, at, "a cotangent")
          return g
        })
      })
    } catch (error) {
      tape.forget()
      tape.release()
      throw error
    }
  }
  sumSquares(xs: ReadonlyArray<Tensor>): number {
    return sumSquares(
      this.#ops,
      xs.map((x) => this.#own(x, "sumSquares", "f32")),
    )
  }
  adamW(
    param: Tensor,
    grad: Tensor,
    state: AdamWState,
    options: AdamWOptions,
  ): { readonly param: Tensor; readonly state: AdamWState } {
    const at = "adamW"
    const p = this.#own(param, at, "f32")
    const g = this.#own(grad, at, "f32")
    const m = this.#own(state.m, at, "f32")
    const v = this.#own(state.v, at, "f32")
    engineArguments.adamW(p, g, { m, v }, options)
    if (this.#ops.tape !== undefined) misuse(at, "an update has no gradient: it cannot run inside vjp")
    return this.#ledger.scope(() => adamW(this.#ops, p, g, m, v, options))
  }

  // --- inside ---

  #open(where: string): void {
    if (this.#closed) misuse(where, "the engine is closed")
    this.#dispatcher.where = where
    this.#ledger.where = where
  }
  #own(t: unknown, where: string, dtype?: "f32" | "i32" | "float"): Handle {
    this.#open(where)
    const x = this.#ledger.own(t, where, dtype)
    if (x.storage.packed === true && where !== "linear" && where !== "keep")
      misuse(where, "a packed weight is for linear")
    return x
  }
  /** Torch does not check every index, and where it does an exception costs milliseconds. A tensor is looked at once: layers share their indices. */
  #within(ids: Handle, limit: number, where: string, what: "id" | "target"): void {
    if (ids.size === 0) return
    const [least, greatest] = (ids.range ??= rangeOf(this.#ops.read(ids)))
    if (least < 0 || greatest >= limit) engineArguments.within(this.#ops.read(ids), limit, where, what)
  }
  #pair(a: Tensor, b: Tensor, where: string): readonly [Handle, Handle, ReadonlyArray<number>] {
    const x = this.#own(a, where, "f32")
    const y = this.#own(b, where, "f32")
    return [x, y, broadcastShape(x.shape, y.shape, where)]
  }
  /** What products with weights of a type are computed in, decided once. */
  readonly #compute = (stored: "bf16" | "f16"): DType => {
    const known = this.#types.get(stored)
    if (known !== undefined) return known.dtype
    const asked = { dtype: this.#wanted === "f32" ? "f32" : stored, why: "as it was asked for" } as const
    const found = this.#wanted === undefined ? computeType(this.#ops, stored) : asked
    this.#types.set(stored, found)
    return found.dtype
  }
}
