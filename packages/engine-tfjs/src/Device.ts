/**
 * One tfjs backend, used through its kernels alone: `getKernel(name, backend).kernelFunc` on `TensorInfo`s, which is how
 * tfjs's own kernels use one another. That leaves out tfjs's tape, tidy and per-operation bookkeeping, and with them the
 * state that engines in one process would share.
 */
import type { DType, TensorFile } from "@hmx/lm"
import { EngineMisuse, EngineOutOfMemory, sizeOf } from "@hmx/lm"
import type { DataId, NamedAttrMap, TensorInfo, TypedArray } from "@tensorflow/tfjs-core"
import type { Handle, Ledger } from "./Ledger.ts"
import { bytesOf } from "./Ledger.ts"
import type { WasmHeap } from "./WasmHeap.ts"
import { widen } from "./widen.ts"

/** Bytes of a file that are read at one time: they pass the cache once. */
const PIECE = 1 << 20

/** The few methods that every tfjs backend has. */
export interface Backend {
  write(values: TypedArray, shape: Array<number>, dtype: "float32" | "int32"): DataId
  readSync(dataId: DataId): TypedArray
  disposeData(dataId: DataId): boolean
}

/** A loaded backend: what `backends.ts` hands to the engine. */
export interface Loaded {
  readonly name: string
  readonly version: string
  readonly device: string
  readonly threads: number
  readonly backend: Backend
  /** The kernel's function; throws if the backend lacks it. */
  readonly kernel: (name: string) => Kernel | undefined
  /** Memory that loops on the host can work on. */
  readonly heap?: WasmHeap
  /** Where arrays carry a shape of their own, which kernels read in place of the one they are given: the kernel that makes a view. */
  readonly view?: Kernel
  /** Where a result depends on how many rows (of a product) or elements (of a function) there are: so many are computed alike. */
  readonly blocks?: { readonly rows: number; readonly elements: number }
  readonly close: () => void
}

export type Kernel = (args: {
  inputs: Readonly<Record<string, TensorInfo>> | ReadonlyArray<TensorInfo>
  backend: Backend
  attrs: NamedAttrMap
}) => TensorInfo | Array<TensorInfo>

export class Device {
  readonly loaded: Loaded
  readonly ledger: Ledger
  readonly #kernels = new Map<string, Kernel>()

  constructor(loaded: Loaded, ledger: Ledger) {
    this.loaded = loaded
    this.ledger = ledger
  }

  /** Whether the backend has this kernel. */
  has(name: string): boolean {
    return this.loaded.kernel(name) !== undefined
  }

  /** Runs a kernel whose (first) output has so many elements, for which there must be room; it belongs to the innermost scope. */
  run(
    name: string,
    inputs: { readonly [name: string]: Handle } | ReadonlyArray<Handle>,
    elements: number,
    attrs: NamedAttrMap = {},
  ): Handle {
    this.ledger.admit(4 * elements)
    let kernel = this.#kernels.get(name)
    if (kernel === undefined) {
      kernel = this.loaded.kernel(name)
      if (kernel === undefined) throw new EngineMisuse(`${this.loaded.name} has no kernel ${name}`)
      this.#kernels.set(name, kernel)
    }
    // Kernels with a list of inputs (Concat) want it as an array.
    const infos: Record<string, TensorInfo> | Array<TensorInfo> = Array.isArray(inputs) ? [] : {}
    for (const [key, t] of Object.entries(inputs)) Object.assign(infos, { [key]: this.#info(t, name) })
    const out = this.#guarded(name, 4 * elements, () => kernel({ inputs: infos, backend: this.loaded.backend, attrs }))
    const first = Array.isArray(out) ? out[0] : out
    if (first === undefined) throw new EngineMisuse(`${name} returned nothing`)
    return this.ledger.enter(first.dataId, first.shape, first.dtype === "int32" ? "i32" : "f32")
  }

  #info(t: Handle, where: string): TensorInfo {
    return { dataId: this.#dataOf(t, where), shape: [...t.shape], dtype: t.dtype === "i32" ? "int32" : "float32" }
  }

  /** The handle's array, under the handle's shape. */
  #dataOf(t: Handle, where: string): DataId {
    const storage = this.ledger.storage(t, where)
    const { view } = this.loaded
    const key = t.shape.join()
    if (view === undefined || storage.shape.join() === key) return storage.dataId
    storage.views ??= new Map<string, DataId>()
    const found = storage.views.get(key)
    if (found !== undefined) return found
    const x: TensorInfo = {
      dataId: storage.dataId,
      shape: [...storage.shape],
      dtype: t.dtype === "i32" ? "int32" : "float32",
    }
    const made = view({ inputs: { x }, backend: this.loaded.backend, attrs: { shape: [...t.shape] } })
    const { dataId } = Array.isArray(made) ? (made[0] ?? x) : made
    storage.views.set(key, dataId)
    return dataId
  }

  /** Reads a tensor of a file: into its place on a heap, in pieces where it is widened. */
  fromFile(
    file: TensorFile,
    shape: ReadonlyArray<number>,
    dtype: DType,
    seen: (bytes: Uint8Array<ArrayBuffer>) => void,
  ): Handle {
    const size = sizeOf(shape)
    const kind = dtype === "i32" ? "i32" : "f32"
    const { heap, backend } = this.loaded
    this.ledger.admit(bytesOf(shape))
    const onHeap =
      heap === undefined
        ? undefined
        : this.ledger.enter(
            this.#guarded("fromFile", bytesOf(shape), () => heap.allocate(shape, kind)),
            shape,
            kind,
          )
    const values = onHeap === undefined ? new Float32Array(size) : this.peek(onHeap, "fromFile")
    const narrow = dtype === "bf16" || dtype === "f16" ? widen[dtype] : undefined
    const width = narrow === undefined ? 4 : 2
    // What is seen lies in memory of its own: a heap that threads share is no place for every reader.
    const piece = new ArrayBuffer(Math.min(size * width, PIECE))
    for (let start = 0; start < size; start += piece.byteLength / width) {
      const bytes = new Uint8Array(piece, 0, Math.min(piece.byteLength, (size - start) * width))
      file.read(bytes, start * width)
      seen(bytes)
      const to = new Uint8Array(values.buffer, values.byteOffset + 4 * start, (4 * bytes.length) / width)
      if (narrow === undefined) to.set(bytes)
      else
        narrow(new Uint16Array(piece, 0, bytes.length / 2), new Float32Array(to.buffer, to.byteOffset, to.length / 4))
    }
    if (onHeap !== undefined) return onHeap
    const own = kind === "i32" ? new Int32Array(values.buffer) : values
    const dataId = this.#guarded("fromFile", bytesOf(shape), () =>
      backend.write(own, [...shape], kind === "i32" ? "int32" : "float32"),
    )
    return this.ledger.enter(dataId, shape, kind)
  }

  /** Copies host values to the device. The cpu backend would keep the very array, which stays the caller's. */
  write(values: Float32Array | Int32Array, shape: ReadonlyArray<number>): Handle {
    const dtype: DType = values instanceof Int32Array ? "i32" : "f32"
    this.ledger.admit(bytesOf(shape))
    const own = this.loaded.heap === undefined ? values.slice() : values
    const dataId = this.#guarded("upload", bytesOf(shape), () =>
      this.loaded.backend.write(own, [...shape], dtype === "i32" ? "int32" : "float32"),
    )
    return this.ledger.enter(dataId, shape, dtype)
  }

  /** A copy on the host. */
  read(t: Handle, where: string): Float32Array | Int32Array {
    const dataId = this.ledger.storage(t, where).dataId
    const size = sizeOf(t.shape)
    if (size === 0) return t.dtype === "i32" ? new Int32Array(0) : new Float32Array(0)
    const values = this.loaded.backend.readSync(dataId)
    if (t.dtype === "i32") return Int32Array.from(values.subarray(0, size))
    return Float32Array.from(values.subarray(0, size))
  }

  /** The elements in place where the host can see them, else a copy. Read only; valid until the next allocation. */
  peek(t: Handle, where: string): Float32Array | Int32Array {
    const { heap } = this.loaded
    if (heap === undefined) return this.read(t, where)
    const { dataId } = this.ledger.storage(t, where)
    return t.dtype === "i32" ? heap.i32(dataId, t.size) : heap.f32(dataId, t.size)
  }

  /** Turns the ways in which backends run out of memory into one, with the bytes of what was to be made. */
  #guarded<A>(where: string, wanted: number, body: () => A): A {
    try {
      return body()
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      const outOfMemory =
        error instanceof RangeError || /OOM|out of memory|Cannot enlarge memory|memory access out of bounds/i.test(text)
      if (outOfMemory && !(error instanceof EngineOutOfMemory)) throw new EngineOutOfMemory(wanted, where)
      throw error
    }
  }
}
