/**
 * Who owns what. A `Handle` is what the caller sees as a `Tensor`; a `Storage` is an array of the backend. Several handles
 * may share a storage (a reshape costs nothing; the tape keeps its own handle of what the backward pass needs), and the
 * backend's array goes when the last of them goes. tfjs's own tidy and reference counts are not used: its kernels are called
 * directly, and what they return is entered here.
 */
import type { DType, EngineMemory, Tensor, Tensors } from "@hmx/lm"
import { EngineMisuse } from "@hmx/lm"
import type { DataId } from "@tensorflow/tfjs-core"

/** An array on the backend and how many handles share it. */
export interface Storage {
  readonly dataId: DataId
  readonly shape: ReadonlyArray<number>
  readonly bytes: number
  handles: number
  /** The same elements under other shapes, by shape, where a backend's arrays carry their own: they go with the array. */
  views: Map<string, DataId> | undefined
}

interface Scope {
  readonly made: Array<Handle>
  /** Tapes opened here: a scope that ends by an exception releases them, for nobody is left to do it. */
  readonly openTapes: Set<{ readonly release: () => void }>
}

/** The engine's tensor. `storage` is undefined once it is freed. */
export class Handle implements Tensor {
  readonly shape: ReadonlyArray<number>
  readonly dtype: DType
  readonly size: number
  readonly ledger: Ledger
  storage: Storage | undefined
  /** The scope that will free it; undefined for one that lives until `free`. */
  scope: Scope | undefined
  /** Second layout of a frozen matrix [O, I]: its transpose [I, O]. Lives and dies with this handle. */
  transposed: Handle | undefined

  constructor(ledger: Ledger, shape: ReadonlyArray<number>, dtype: DType, storage: Storage, scope: Scope | undefined) {
    this.ledger = ledger
    this.shape = shape
    this.dtype = dtype
    this.size = sizeOf(shape)
    this.storage = storage
    this.scope = scope
    this.transposed = undefined
  }
}

/** Number of elements. */
export function sizeOf(shape: ReadonlyArray<number>): number {
  let size = 1
  for (const d of shape) size *= d
  return size
}

export class Ledger {
  readonly #dispose: (dataId: DataId) => void
  readonly #scopes: Array<Scope> = []
  #tensors = 0
  #bytes = 0
  #peak = 0

  /** `dispose` gives one array back to the backend. */
  constructor(dispose: (dataId: DataId) => void) {
    this.#dispose = dispose
  }

  /** Enters a new array of the backend; it belongs to the innermost scope. Every array of an engine has 4 bytes an element. */
  enter(dataId: DataId, shape: ReadonlyArray<number>, dtype: DType): Handle {
    const storage: Storage = { dataId, shape, bytes: 4 * sizeOf(shape), handles: 0, views: undefined }
    this.#bytes += storage.bytes
    if (this.#bytes > this.#peak) this.#peak = this.#bytes
    return this.#handle(storage, shape, dtype, this.#scopes.at(-1))
  }

  /** Another handle of the same array, maybe with another shape, owned by the innermost scope. */
  alias(t: Handle, shape: ReadonlyArray<number> = t.shape): Handle {
    return this.#handle(this.storage(t, "alias"), shape, t.dtype, this.#scopes.at(-1))
  }

  /** Another handle of the same array that no scope owns: what the tape and `frozen` keep. */
  retain(t: Handle): Handle {
    const kept = this.#handle(this.storage(t, "retain"), t.shape, t.dtype, undefined)
    // Borrowed, not owned: it is freed by its first handle only.
    kept.transposed = t.transposed === undefined ? undefined : this.retain(t.transposed)
    return kept
  }

  #handle(storage: Storage, shape: ReadonlyArray<number>, dtype: DType, scope: Scope | undefined): Handle {
    storage.handles += 1
    this.#tensors += 1
    const handle = new Handle(this, shape, dtype, storage, scope)
    scope?.made.push(handle)
    return handle
  }

  /** The array of a handle, or the error of using a freed one. */
  storage(t: Handle, where: string): Storage {
    if (t.storage === undefined) throw new EngineMisuse(`${where}: the tensor [${t.shape.join(", ")}] was freed before`)
    return t.storage
  }

  /** Frees a handle; freeing twice is allowed (a scope may free what was freed by hand). */
  free(t: Handle): void {
    const storage = t.storage
    if (storage === undefined) return
    t.storage = undefined
    t.scope = undefined
    this.#tensors -= 1
    storage.handles -= 1
    if (storage.handles === 0) {
      this.#bytes -= storage.bytes
      for (const view of storage.views?.values() ?? []) this.#dispose(view)
      this.#dispose(storage.dataId)
    }
    if (t.transposed !== undefined) this.free(t.transposed)
  }

  /** Frees the caller's tensor, which may be freed already. */
  freeOwn(t: Tensor): void {
    if (!(t instanceof Handle) || t.ledger !== this) throw new EngineMisuse("free: not a tensor of this engine")
    this.free(t)
  }

  /** Takes a handle out of every scope. */
  keep(t: Handle): void {
    t.scope = undefined
  }

  /** Frees what `body` made except what it returns, which goes to the scope around; after an exception frees all. */
  scope<A extends Tensors>(body: () => A): A {
    const scope: Scope = { made: [], openTapes: new Set() }
    const depth = this.#scopes.push(scope)
    let done = false
    try {
      const result = body()
      this.#handOver(result, scope, this.#scopes[depth - 2])
      done = true
      return result
    } finally {
      this.#scopes.length = depth - 1
      if (!done) for (const tape of scope.openTapes) tape.release()
      else {
        const around = this.#scopes.at(-1)
        if (around !== undefined) for (const tape of scope.openTapes) around.openTapes.add(tape)
      }
      for (const t of scope.made) if (t.scope === scope) this.free(t)
    }
  }

  #handOver(value: Tensors, from: Scope, to: Scope | undefined): void {
    if (value instanceof Handle) {
      if (value.scope !== from) return
      value.scope = to
      to?.made.push(value)
    } else if (Array.isArray(value)) for (const v of value) this.#handOver(v, from, to)
    else if (typeof value === "object" && value !== null)
      for (const v of Object.values(value)) this.#handOver(v, from, to)
  }

  /** Registers a tape with the innermost scope; the result takes it out again. */
  openTape(tape: { readonly release: () => void }): void {
    this.#scopes.at(-1)?.openTapes.add(tape)
  }
  closeTape(tape: { readonly release: () => void }): void {
    for (const s of this.#scopes) s.openTapes.delete(tape)
  }

  memory(): EngineMemory {
    return { tensors: this.#tensors, bytes: this.#bytes, peak: this.#peak }
  }

  resetPeak(): void {
    this.#peak = this.#bytes
  }
}
