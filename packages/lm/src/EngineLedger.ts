/**
 * Who owns what in an engine: the part of it that is the same whatever library computes. An `EngineTensor` is what the caller sees as a
 * `Tensor`; a storage is the memory behind one or more of them (views share it), counted from its first user to its last: handles, and
 * tapes that keep it for the backward pass.
 */
import type { DType, EngineMemory, Tensor, Tensors } from "./Engine.ts"
import { EngineOutOfMemory } from "./Engine.ts"
import { misuse, showShape } from "./engineChecks.ts"

/** Some memory, and how many handles and tapes keep it. */
export interface EngineStorage {
  readonly bytes: number
  users: number
}

interface Releasable {
  readonly release: () => void
}

interface Scope {
  readonly made: Array<EngineTensor>
  /** Tapes opened here: a scope that ends by an exception releases them, for nobody is left to do it. */
  readonly openTapes: Set<Releasable>
}

/** An engine's tensor; engines add what their library needs. */
export class EngineTensor<S extends EngineStorage = EngineStorage> implements Tensor {
  readonly shape: ReadonlyArray<number>
  readonly dtype: DType
  /** Number of elements. */
  readonly size: number
  /** The ledger that it stands in. */
  readonly ledger: object
  storage: S
  /** Until it is freed. */
  live = true
  /** The scope that will free it; undefined for one that lives until `free`. */
  scope: Scope | undefined = undefined

  constructor(ledger: object, shape: ReadonlyArray<number>, dtype: DType, storage: S) {
    this.ledger = ledger
    this.shape = shape
    this.dtype = dtype
    this.size = sizeOf(shape)
    this.storage = storage
  }
}

/** Number of elements. */
export function sizeOf(shape: ReadonlyArray<number>): number {
  let size = 1
  for (const d of shape) size *= d
  return size
}

export abstract class EngineLedger<H extends EngineTensor> {
  /** The engine's operation that is running, for errors. */
  where = "create"
  /** Bytes that tensors may take together. */
  readonly limit: number
  readonly #scopes: Array<Scope> = []
  readonly #live = new Set<H>()
  #bytes = 0
  #peak = 0

  constructor(limit = Number.POSITIVE_INFINITY) {
    this.limit = limit
  }

  /** Gives back to the library what a freed handle held; `last` where nobody else uses its storage. */
  protected abstract dispose(t: H, last: boolean): void

  /** Enters a handle; it belongs to the innermost scope, or to nobody. */
  protected add(t: H, scoped = true): H {
    try {
      this.use(t.storage)
    } catch (error) {
      this.dispose(t, true)
      throw error
    }
    this.#live.add(t)
    if (!scoped) return t
    const scope = this.#scopes.at(-1)
    t.scope = scope
    scope?.made.push(t)
    return t
  }

  /** Whether `bytes` more may be taken; EngineOutOfMemory where not. Asked before a library is. */
  admit(bytes: number): void {
    if (this.#bytes + bytes > this.limit) throw new EngineOutOfMemory(bytes, this.where)
  }

  /** One more user of a storage. */
  use(storage: EngineStorage): void {
    if (storage.users === 0) {
      this.admit(storage.bytes)
      this.#bytes += storage.bytes
      if (this.#bytes > this.#peak) this.#peak = this.#bytes
    }
    storage.users += 1
  }
  /** One user less. */
  unuse(storage: EngineStorage): void {
    storage.users -= 1
    if (storage.users === 0) this.#bytes -= storage.bytes
  }

  /** Counts bytes that a library takes for its own while `body` runs. */
  during<A>(bytes: number, body: () => A): A {
    const storage = { bytes, users: 0 }
    this.use(storage)
    try {
      return body()
    } finally {
      this.unuse(storage)
    }
  }

  /** Frees a handle; freeing twice is allowed (a scope may free what was freed by hand). */
  free(t: H): void {
    if (!t.live) return
    t.live = false
    t.scope = undefined
    this.#live.delete(t)
    this.unuse(t.storage)
    this.dispose(t, t.storage.users === 0)
  }

  /** Frees the caller's tensor, which may be freed already. */
  freeOwn(t: Tensor): void {
    if (!this.#mine(t)) return misuse("free", "not a tensor of this engine")
    this.free(t)
  }

  /** Frees everything. */
  clear(): void {
    for (const t of this.#live) this.free(t)
  }

  /** Takes a handle out of every scope. */
  keep(t: H): void {
    t.scope = undefined
  }

  /** `t` as this engine's own live tensor, of that dtype; "float" is any but i32. */
  own(t: unknown, where: string, dtype?: DType | "float"): H {
    if (!this.#mine(t)) return misuse(where, "an argument is not a tensor of this engine")
    if (!t.live) misuse(where, `the tensor ${showShape(t.shape)} was freed before`)
    // Plain JavaScript can write there. A frozen array would cost an eighth of a small operation, this does not show.
    if (sizeOf(t.shape) !== t.size) misuse(where, `a tensor's shape was changed to ${showShape(t.shape)}`)
    if (dtype !== undefined && (dtype === "float" ? t.dtype === "i32" : t.dtype !== dtype))
      misuse(where, `${dtype} expected, ${t.dtype} ${showShape(t.shape)} given`)
    return t
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
      for (const t of scope.made) if (t.scope === scope && this.#mine(t)) this.free(t)
    }
  }

  /** Registers a tape with the innermost scope; the tape's end takes it out again. */
  openTape(tape: Releasable): void {
    this.#scopes.at(-1)?.openTapes.add(tape)
  }
  closeTape(tape: Releasable): void {
    for (const s of this.#scopes) s.openTapes.delete(tape)
  }

  memory(): EngineMemory {
    return { tensors: this.#live.size, bytes: this.#bytes, peak: this.#peak, limit: this.limit }
  }
  resetPeak(): void {
    this.#peak = this.#bytes
  }

  /** Only this ledger makes tensors that name it, and it makes them as `H`. */
  #mine(t: unknown): t is H {
    return t instanceof EngineTensor && t.ledger === this
  }

  #handOver(value: Tensors, from: Scope, to: Scope | undefined): void {
    if (value instanceof EngineTensor) {
      if (value.scope !== from) return
      value.scope = to
      to?.made.push(value)
    } else if (Array.isArray(value)) for (const v of value) this.#handOver(v, from, to)
    else if (typeof value === "object" && value !== null)
      for (const v of Object.values(value)) this.#handOver(v, from, to)
  }
}
