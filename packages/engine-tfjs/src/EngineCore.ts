/**
 * The part of the engine that is the same for every operation: ownership, host transfer, `vjp`, and the steps that each
 * operation takes (its arguments are checked, its result is recorded).
 */
import type { DType, EngineInfo, EngineMemory, Tensor, TensorFile, Tensors, Vjp } from "@hmx/lm"
import { broadcastShape, checkShape, engineArguments, misuse, sizeOf } from "@hmx/lm"
import { Composed } from "./Composed.ts"
import type { Loaded } from "./Device.ts"
import { Device } from "./Device.ts"
import { Fused } from "./Fused.ts"
import type { Handle } from "./Ledger.ts"
import { bytesOf, Ledger } from "./Ledger.ts"
import type { Pull } from "./Tape.ts"
import { Tape } from "./Tape.ts"
import { widen } from "./widen.ts"

export abstract class EngineCore {
  readonly info: EngineInfo
  readonly #loaded: Loaded
  protected readonly ledger: Ledger
  protected readonly device: Device
  protected readonly ops: Composed
  protected tape: Tape | undefined
  #closed = false
  /** Calls of `fromFile` under way. */
  #reading = 0

  /** `memory`: bytes that tensors may take. */
  constructor(loaded: Loaded, memory: number | undefined) {
    this.#loaded = loaded
    this.ledger = new Ledger((dataId) => loaded.backend.disposeData(dataId), memory)
    this.device = new Device(loaded, this.ledger)
    this.ops = loaded.heap === undefined ? new Composed(this.device) : new Fused(this.device, loaded.heap)
    this.info = {
      name: `tfjs-${loaded.name}`,
      version: loaded.version,
      device: loaded.device,
      threads: loaded.threads,
      compute: "f32",
      notes: [],
    }
  }

  // --- ownership ---

  scope<A extends Tensors>(body: () => A): A {
    this.open("scope")
    return this.ledger.scope(body)
  }
  keep(t: Tensor): Tensor {
    const x = this.own(t, "keep")
    this.ledger.keep(x)
    return x
  }
  free(...ts: ReadonlyArray<Tensor | undefined>): void {
    if (this.#closed) return
    for (const t of ts) if (t !== undefined) this.ledger.freeOwn(t)
  }
  memory(): EngineMemory {
    return this.ledger.memory()
  }
  resetPeak(): void {
    this.ledger.resetPeak()
  }
  close(): void {
    if (this.#closed) return
    if (this.#reading > 0) misuse("close", "a file is being read")
    this.#closed = true
    this.ledger.clear()
    this.#loaded.close()
  }

  // --- host transfer ---

  upload(data: Float32Array | Int32Array | Uint16Array, shape: ReadonlyArray<number>, dtype: DType): Tensor {
    this.open("upload")
    const sizes = engineArguments.made(shape, data.length, dtype, "upload")
    if (dtype === "bf16" || dtype === "f16") {
      if (!(data instanceof Uint16Array)) misuse("upload", `${dtype} comes as a Uint16Array of its bits`)
      this.ledger.admit(bytesOf(sizes))
      return this.device.write(widen[dtype](data), sizes)
    }
    if (data instanceof Uint16Array || data instanceof Int32Array !== (dtype === "i32"))
      misuse("upload", `${dtype} comes as a ${dtype === "i32" ? "Int32Array" : "Float32Array"}`)
    return this.device.write(data, sizes)
  }
  fromFile(
    file: TensorFile,
    shape: ReadonlyArray<number>,
    dtype: DType,
    seen: (bytes: Uint8Array<ArrayBuffer>) => void,
  ): Tensor {
    this.open("fromFile")
    const sizes = engineArguments.fromFile(file, shape, dtype)
    this.#reading++
    try {
      return this.ledger.scope(() => this.device.fromFile(file, sizes, dtype, seen))
    } finally {
      this.#reading--
    }
  }
  download(t: Tensor): Float32Array | Int32Array {
    return this.device.read(this.own(t, "download"), "download")
  }
  write(into: Tensor, x: Tensor, axis: number, start: number): void {
    const at = "write"
    const whole = this.own(into, at)
    const part = this.own(x, at)
    engineArguments.write(whole, part, axis, start, whole.storage.users)
    if (this.tape !== undefined) misuse(at, "what is changed has no gradient: it cannot be inside vjp")
    if (whole.transposed !== undefined) misuse(at, "a frozen tensor is a constant")
    if (part.size > 0) this.ledger.scope(() => this.ops.write(whole, part, axis, start))
  }
  frozen(t: Tensor): Tensor {
    const w = this.own(t, "frozen")
    if (w.shape.length === 2 && w.dtype === "f32" && w.transposed === undefined) {
      w.transposed = this.ops.swap(w)
      this.ledger.keep(w.transposed)
    }
    return w
  }

  // --- autograd ---

  vjp(
    f: (inputs: ReadonlyArray<Tensor>, params: ReadonlyArray<Tensor>) => ReadonlyArray<Tensor>,
    inputs: ReadonlyArray<Tensor>,
    params: ReadonlyArray<Tensor>,
  ): Vjp {
    const at = "vjp"
    this.open(at)
    if (this.tape !== undefined) misuse(at, "one vjp cannot run inside another")
    const xs = inputs.map((t) => this.own(t, at))
    const ps = params.map((t) => this.own(t, at))
    const tape = new Tape(this.ledger, (a, b) => this.ops.add(a, b))
    for (const t of xs) tape.track(t)
    for (const t of ps) tape.track(t)
    this.tape = tape
    try {
      const outputs = this.ledger.scope(() => [...f(xs, ps)]).map((t) => this.own(t, at))
      this.ledger.openTape(tape)
      return tape.toVjp(outputs, xs, ps, (cotangent, output) => {
        const g = this.own(cotangent, at, output.dtype === "i32" ? undefined : "f32")
        checkShape(g, output.shape, at, "a cotangent")
        return g
      })
    } catch (error) {
      tape.release()
      throw error
    } finally {
      this.tape = undefined
    }
  }
  // --- inside ---

  protected open(where: string): void {
    if (this.#closed) misuse(where, "the engine is closed")
    this.ledger.where = where
  }
  protected own(t: unknown, where: string, dtype?: "f32" | "i32"): Handle {
    this.open(where)
    return this.ledger.own(t, where, dtype)
  }
  protected pair(a: Tensor, b: Tensor, where: string): readonly [Handle, Handle] {
    const x = this.own(a, where, "f32")
    const y = this.own(b, where, "f32")
    broadcastShape(x.shape, y.shape, where)
    return [x, y]
  }
  protected empty(shape: ReadonlyArray<number>, dtype: DType): Handle {
    this.ledger.admit(bytesOf(shape))
    return this.device.write(dtype === "i32" ? new Int32Array(sizeOf(shape)) : new Float32Array(sizeOf(shape)), shape)
  }
  /** Records an operation with one output. */
  protected one(
    name: string,
    inputs: ReadonlyArray<Handle>,
    output: Handle,
    saved: ReadonlyArray<Handle>,
    pull: Pull,
  ): Handle {
    this.tape?.record(name, inputs, [output], saved, pull)
    return output
  }
}
