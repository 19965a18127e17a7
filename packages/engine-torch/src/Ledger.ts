/**
 * Who owns what. A `Handle` is what the caller sees as a `Tensor`: it owns one tensor handle of libtorch, and nothing else in the
 * package frees one that it did not make itself. A `Storage` stands for memory of libtorch; views share it, and it is counted until the last
 * handle on it goes and no tape keeps it for the backward pass.
 */
import type { DType, EngineMemory, Tensor, Tensors } from "@hmx/lm"
import { EngineMisuse } from "@hmx/lm"
import type { Pointer } from "./Natives.ts"

/** Some memory, and how many handles and tapes keep it. */
export interface Storage {
  readonly bytes: number
  users: number
}

interface Scope {
  readonly made: Array<Handle>
  /** Tapes opened here: a scope that ends by an exception releases them, for nobody is left to do it. */
  readonly openTapes: Set<{ readonly release: () => void }>
}

/** Where a handle stands in autograd's graph: see `Tape`. */
export interface Place {
  /** The tape's segment that its native tensor belongs to. */
  readonly segment: number
}

/** The engine's tensor. `native` is 0 once it is freed. */
export class Handle implements Tensor {
  readonly shape: ReadonlyArray<number>
  readonly dtype: DType
  readonly size: number
  readonly ledger: Ledger
  readonly storage: Storage
  native: Pointer
  /** The scope that will free it; undefined for one that lives until `free`. */
  scope: Scope | undefined
  /** Set while a tape tracks it. */
  place: Place | undefined

  constructor(
    ledger: Ledger,
    native: Pointer,
    shape: ReadonlyArray<number>,
    dtype: DType,
    storage: Storage,
    scope: Scope | undefined,
  ) {
    this.ledger = ledger
    this.native = native
    this.shape = shape
    this.dtype = dtype
    this.size = sizeOf(shape)
    this.storage = storage
    this.scope = scope
    this.place = undefined
  }
}

/** Number of elements. */
export function sizeOf(shape: ReadonlyArray<number>): number {
  let size = 1
  for (const d of shape) size *= d
  return size
}

/** Bytes of an element. */
export const widths: { readonly [D in DType]: number } = { f32: 4, i32: 4, bf16: 2, f16: 2 }

export class Ledger {
  readonly #dispose: (native: Pointer) => void
  readonly #scopes: Array<Scope> = []
  readonly #live = new Set<Handle>()
  #bytes = 0
  #peak = 0

  /** `dispose` gives one tensor handle back to libtorch. */
  constructor(dispose: (native: Pointer) => void) {
    this.#dispose = dispose
  }

  /** Enters a new tensor; it belongs to the innermost scope. */
  enter(native: Pointer, shape: ReadonlyArray<number>, dtype: DType): Handle {
    return this.share({ bytes: widths[dtype] * sizeOf(shape), users: 0 }, native, shape, dtype)
  }

  /** Enters a tensor over memory that is counted already, or is counted from now on. */
  share(storage: Storage, native: Pointer, shape: ReadonlyArray<number>, dtype: DType): Handle {
    const scope = this.#scopes.at(-1)
    this.use(storage)
    const handle = new Handle(this, native, shape, dtype, storage, scope)
    this.#live.add(handle)
    scope?.made.push(handle)
    return handle
  }

  /** One more user of a storage. */
  use(storage: Storage): void {
    if (storage.users === 0) {
      this.#bytes += storage.bytes
      if (this.#bytes > this.#peak) this.#peak = this.#bytes
    }
    storage.users += 1
  }
  /** One user less. */
  unuse(storage: Storage): void {
    storage.users -= 1
    if (storage.users === 0) this.#bytes -= storage.bytes
  }

  /** Frees a handle; freeing twice is allowed (a scope may free what was freed by hand). */
  free(t: Handle): void {
    const { native } = t
    if (native === 0) return
    t.native = 0
    t.scope = undefined
    t.place = undefined
    this.#live.delete(t)
    this.unuse(t.storage)
    this.#dispose(native)
  }

  /** Frees the caller's tensor, which may be freed already. */
  freeOwn(t: Tensor): void {
    if (!(t instanceof Handle) || t.ledger !== this) throw new EngineMisuse("free: not a tensor of this engine")
    this.free(t)
  }

  /** Frees everything. */
  clear(): void {
    for (const t of this.#live) this.free(t)
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

  /** Registers a tape with the innermost scope; the tape's end takes it out again. */
  openTape(tape: { readonly release: () => void }): void {
    this.#scopes.at(-1)?.openTapes.add(tape)
  }
  closeTape(tape: { readonly release: () => void }): void {
    for (const s of this.#scopes) s.openTapes.delete(tape)
  }

  memory(): EngineMemory {
    return { tensors: this.#live.size, bytes: this.#bytes, peak: this.#peak }
  }

  resetPeak(): void {
    this.#peak = this.#bytes
  }
}
