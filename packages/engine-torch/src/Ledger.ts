/** The engine's tensors: each handle owns one tensor handle of libtorch, and nothing else in the package frees one that it did not make itself. */
import type { DType, EngineStorage } from "@hmx/lm"
import { EngineLedger, EngineTensor, sizeOf } from "@hmx/lm"
import type { Pointer } from "./Natives.ts"

/** Memory of libtorch. */
export interface Storage extends EngineStorage {
  /** A file's pages, mapped: nothing may write to them. */
  readonly mapped?: true
  /** A weight in oneDNN's layout: only products read it. */
  readonly packed?: true
}

/** Where a handle stands in autograd's graph: see `Tape`. */
export interface Place {
  /** The tape's segment that its native tensor belongs to. */
  readonly segment: number
}

/** The engine's tensor. `native` is 0 once it is freed. */
export class Handle extends EngineTensor<Storage> {
  native: Pointer
  /** Known to lie row by row, maybe with gaps: what is computed of it element by element lies so without. */
  ordered = false
  #contiguous = false
  /** Of whole numbers, the least and the greatest, where somebody has looked. */
  range: readonly [least: number, greatest: number] | undefined = undefined
  /** What was made of it and another for later uses: freed with it. */
  beside: { readonly other: Handle; readonly made: readonly [Handle, Handle] } | undefined = undefined
  /** Of a mask: what attention of so many query heads to a key head takes in its place. Freed with it. */
  folded: { readonly heads: number; readonly made: Handle } | undefined = undefined
  /** Set while a tape tracks it. */
  place: Place | undefined = undefined

  constructor(ledger: Ledger, native: Pointer, shape: ReadonlyArray<number>, dtype: DType, storage: Storage) {
    super(ledger, shape, dtype, storage)
    this.native = native
  }

  /** Known to lie row by row without gaps: a reshape of it is a view. */
  get contiguous(): boolean {
    return this.#contiguous
  }
  set contiguous(known: boolean) {
    this.#contiguous = known
    if (known) this.ordered = true
  }
}

export const rangeOf = (values: ArrayLike<number>): readonly [least: number, greatest: number] => {
  let [least, greatest] = [values[0] ?? 0, values[0] ?? 0]
  for (let i = 1; i < values.length; i++) {
    const value = values[i] ?? 0
    if (value < least) least = value
    if (value > greatest) greatest = value
  }
  return [least, greatest]
}

/** Bytes of an element. */
export const widths: { readonly [D in DType]: number } = { f32: 4, i32: 4, bf16: 2, f16: 2 }

/** Bytes of a tensor with memory of its own. */
export const bytesOf = (shape: ReadonlyArray<number>, dtype: DType): number => widths[dtype] * sizeOf(shape)

export class Ledger extends EngineLedger<Handle> {
  readonly #give: (native: Pointer) => void

  /** `give` gives one tensor handle back to libtorch. */
  constructor(give: (native: Pointer) => void, limit?: number) {
    super(limit)
    this.#give = give
  }

  /** Enters a new tensor; it belongs to the innermost scope. */
  enter(native: Pointer, shape: ReadonlyArray<number>, dtype: DType): Handle {
    return this.share({ bytes: bytesOf(shape, dtype), users: 0 }, native, shape, dtype)
  }

  /** Enters a tensor over memory that is counted already, or is counted from now on. */
  share(storage: Storage, native: Pointer, shape: ReadonlyArray<number>, dtype: DType): Handle {
    return this.add(new Handle(this, native, shape, dtype, storage))
  }

  protected override dispose(t: Handle): void {
    const { native } = t
    t.native = 0
    t.place = undefined
    this.#give(native)
    if (t.beside !== undefined) for (const made of t.beside.made) this.free(made)
    this.changed(t)
  }

  /** Forgets what was found out about a tensor's numbers, or made of them. */
  changed(t: Handle): void {
    t.range = undefined
    if (t.folded !== undefined) this.free(t.folded.made)
    t.folded = undefined
  }
}
