/**
 * The operations on handles: each runs one operator of torch, enters the result in the ledger, and tells the tape what torch's derivative of
 * it keeps (`derivatives.yaml` of torch). Arguments have been checked by the engine.
 */
import type { DType } from "@hmx/lm"
import { Direct } from "./Direct.ts"
import type { Argument, Dispatcher, Operator } from "./Dispatcher.ts"
import type { Ledger } from "./Ledger.ts"
import { bytesOf, Handle } from "./Ledger.ts"
import type { Made } from "./Made.ts"
import type { Natives, Pointer } from "./Natives.ts"
import { operators } from "./operators.ts"
import type { Pull, TapeOps } from "./Tape.ts"
import { Tape } from "./Tape.ts"

/** torch's memory format of rows laid end to end. */
const CONTIGUOUS = 0

/** Tensors that the shorter way of laying them end to end takes. */
const MOST_AT_ONCE = 64

export interface Placement {
  readonly type: number
  readonly index: number
}

const HOST = (natives: Natives): Placement => ({ type: natives.deviceTypes.cpu, index: 0 })

export class Ops implements TapeOps {
  readonly dispatcher: Dispatcher
  readonly ledger: Ledger
  readonly placement: Placement
  readonly onHost: boolean
  readonly threads: number
  readonly o: ReturnType<typeof operators>
  tape: Tape | undefined
  /** Shorter ways for what no tape sees. */
  readonly #direct: Direct | undefined
  readonly #scalars = new Map<number, Pointer>()

  constructor(dispatcher: Dispatcher, ledger: Ledger, placement: Placement) {
    this.dispatcher = dispatcher
    this.ledger = ledger
    this.placement = placement
    this.onHost = placement.type === dispatcher.natives.deviceTypes.cpu
    dispatcher.check(dispatcher.natives.threads(dispatcher.at(0)))
    this.threads = dispatcher.natives.scratch.u32[0] ?? 1
    this.o = operators(dispatcher)
    const { shim } = dispatcher.natives
    this.#direct = this.onHost && shim !== undefined ? new Direct(dispatcher, shim) : undefined
  }

  // --- running ---

  /** Runs an operator on handles and numbers. */
  run(op: Operator, made: Made, ...args: ReadonlyArray<Argument | Handle | ReadonlyArray<Handle>>): Handle {
    if (made.view === undefined) this.ledger.admit(bytesOf(made.shape, made.dtype ?? "f32"))
    let from: Array<Handle> | undefined
    const { tape } = this
    const follow = (t: Handle): Pointer => {
      if (tape === undefined) return t.native
      if (tape.tracks(t)) (from ??= []).push(t)
      return tape.native(t)
    }
    const given: Array<Argument> = []
    for (const arg of args) {
      if (arg instanceof Handle) given.push(follow(arg))
      else if (typeof arg !== "object") given.push(arg)
      else {
        const list: Array<number> = []
        for (const x of arg) list.push(x instanceof Handle ? follow(x) : x)
        given.push(list)
      }
    }
    const result = this.dispatcher.one(op, ...given)
    if (made.second === true) this.dispatcher.delete(this.dispatcher.pointer(1))
    return this.#enter(result, made, from)
  }
  /** The shorter ways, while nothing is recorded. */
  get plain(): Direct | undefined {
    return this.tape === undefined ? this.#direct : undefined
  }

  /** Runs an operator that writes into its first argument, a tensor that no graph has seen. */
  into(op: Operator, t: Handle, ...args: ReadonlyArray<Argument | Handle>): void {
    const given = args.map((arg) => (arg instanceof Handle ? arg.native : arg))
    this.dispatcher.delete(this.dispatcher.one(op, t.native, ...given))
  }

  #enter(native: Pointer, made: Made, from: ReadonlyArray<Handle> | undefined): Handle {
    const { shape, dtype = "f32", view, saved = [], savesResult, hidden = 0, shared = 0 } = made
    const { ledger } = this
    const t = view === undefined ? ledger.enter(native, shape, dtype) : ledger.share(view, native, shape, dtype)
    if (from !== undefined) this.tape?.made(t, from, shared, savesResult === true ? [...saved, t] : saved, hidden)
    return t
  }

  /** Whether a gradient may flow through any of these. */
  tracks(...ts: ReadonlyArray<Handle | undefined>): boolean {
    const { tape } = this
    return tape !== undefined && ts.some((t) => t !== undefined && tape.tracks(t))
  }

  /** Runs an operation whose derivative is `pull`, given what `saved` picks; see `Tape.custom`. `run` returns the outputs that carry a gradient first. */
  custom<A extends ReadonlyArray<Handle>>(
    inputs: ReadonlyArray<Handle>,
    saved: (outputs: A) => ReadonlyArray<Handle>,
    differentiable: number,
    run: () => A,
    pull: Pull,
  ): A {
    const { tape, ledger } = this
    if (tape === undefined) return ledger.scope(run)
    return this.under(undefined, () => {
      const outputs = ledger.scope(run)
      if (inputs.some((t) => tape.tracks(t)))
        tape.custom(inputs, saved(outputs), outputs.slice(0, differentiable), pull)
      return outputs
    })
  }

  /** Runs `body` under a tape, or under none, and goes back to the one that it was under. */
  under<A>(tape: Tape | undefined, body: () => A): A {
    const before = this.tape
    this.tape = tape
    try {
      return this.dispatcher.recording(tape !== undefined, body)
    } finally {
      this.tape = before
    }
  }

  // --- for the tape ---

  readonly detach = (t: Pointer): Pointer => this.dispatcher.one(this.o.detach, t)
  readonly backward = (root: Pointer, gradient: Pointer, inputs: ReadonlyArray<Pointer>): void => {
    if (inputs.length > 0) this.dispatcher.none(this.o.backward, root, inputs, gradient, undefined, false)
  }
  readonly join = (ts: ReadonlyArray<Pointer>): Pointer => {
    const flat: Array<Pointer> = []
    try {
      for (const t of ts) flat.push(this.dispatcher.one(this.o.reshape, t, [-1]))
      return this.dispatcher.one(this.o.cat, flat, 0)
    } finally {
      for (const t of flat) this.dispatcher.delete(t)
    }
  }

  // --- host ---

  /** Copies numbers to the device. */
  upload(data: Float32Array | Int32Array | Uint16Array, shape: ReadonlyArray<number>, dtype: DType): Handle {
    const { dispatcher, placement, onHost } = this
    const { natives } = dispatcher
    this.ledger.admit(bytesOf(shape, dtype))
    const host = dispatcher.empty(shape, natives.dtypes[dtype], onHost ? placement : HOST(natives))
    if (data.length > 0) natives.copyIn(dispatcher.data(host), data, data.byteLength)
    if (onHost) {
      const t = this.ledger.enter(host, shape, dtype)
      t.contiguous = true
      return t
    }
    try {
      const t = this.empty(shape, dtype)
      this.into(this.o.copyInto, t, host, false)
      return t
    } finally {
      dispatcher.delete(host)
    }
  }
  /** Copies numbers from the device: floats as f32. */
  read(x: Handle): Float32Array | Int32Array {
    const { dispatcher, o, onHost } = this
    const { natives } = dispatcher
    const out = x.dtype === "i32" ? new Int32Array(x.size) : new Float32Array(x.size)
    if (x.size === 0) return out
    const wanted = x.dtype === "i32" ? natives.dtypes.i32 : natives.dtypes.f32
    let native: Pointer
    if (onHost) {
      const cast = dispatcher.one(o.to, x.native, wanted, false, false, undefined)
      native = dispatcher.one(o.contiguous, cast, CONTIGUOUS)
      dispatcher.delete(cast)
    } else {
      native = dispatcher.empty(x.shape, wanted, HOST(natives))
      dispatcher.delete(dispatcher.one(o.copyInto, native, x.native, false))
    }
    natives.copyOut(out, dispatcher.data(native), out.byteLength)
    dispatcher.delete(native)
    return out
  }

  /** Copies a tensor over part of another, which no graph has seen. */
  write(whole: Handle, x: Handle, axis: number, start: number): void {
    const { dispatcher, o } = this
    const direct = this.plain
    const length = x.shape[axis] ?? 0
    const place = [whole.native, axis, start, length] as const
    const part = direct === undefined ? dispatcher.one(o.narrow, ...place) : direct.narrow(...place)
    dispatcher.delete(dispatcher.one(o.copyInto, part, x.native, false))
    dispatcher.delete(part)
  }

  // --- making ---

  filled(shape: ReadonlyArray<number>, value: number, dtype: DType = "f32"): Handle {
    const t = this.empty(shape, dtype)
    this.dispatcher.fill(t.native, value)
    return t
  }
  empty(shape: ReadonlyArray<number>, dtype: DType): Handle {
    const { dtypes } = this.dispatcher.natives
    this.ledger.admit(bytesOf(shape, dtype))
    const t = this.ledger.enter(this.dispatcher.empty(shape, dtypes[dtype], this.placement), shape, dtype)
    t.contiguous = true
    return t
  }
  /** A number on the host, made once: few occur. */
  scalar(value: number): Pointer {
    const known = this.#scalars.get(value)
    if (known !== undefined) return known
    if (this.#scalars.size >= 1000) this.freeScalars()
    const made = this.dispatcher.scalar(value)
    this.#scalars.set(value, made)
    return made
  }
  freeScalars(): void {
    for (const t of this.#scalars.values()) this.dispatcher.delete(t)
    this.#scalars.clear()
  }

  /** Enters the result of an elementwise operation, whose first input decides how it lies. */
  #like(x: Handle, shape: ReadonlyArray<number>, run: () => Pointer): Handle {
    this.ledger.admit(bytesOf(shape, "f32"))
    const y = this.ledger.enter(run(), shape, "f32")
    y.contiguous = x.ordered && x.shape.length === shape.length && x.size === y.size
    return y
  }

  // --- shape ---

  /** A view where the layout allows it, else a copy. */
  reshape(x: Handle, shape: ReadonlyArray<number>): Handle {
    const direct = this.plain
    if (direct !== undefined && x.contiguous) {
      const view = this.ledger.share(x.storage, direct.reshape(x.native, shape), shape, x.dtype)
      view.contiguous = true
      return view
    }
    const y =
      direct === undefined
        ? this.run(this.o.reshape, { shape, dtype: x.dtype, view: x.storage, shared: 1 }, x, shape)
        : this.ledger.share(x.storage, direct.reshape(x.native, shape), shape, x.dtype)
    y.ordered = x.ordered
    if (x.size === 0 || this.dispatcher.data(x.native) === this.dispatcher.data(y.native)) return y
    // It was copied: the result has memory of its own.
    const copy = this.ledger.enter(this.dispatcher.copy(y.native), shape, x.dtype)
    copy.contiguous = true
    if (y.place !== undefined) this.tape?.made(copy, [y], 1, [], 0)
    this.ledger.free(y)
    return copy
  }
  permute(x: Handle, perm: ReadonlyArray<number>): Handle {
    const shape = perm.map((p) => x.shape[p] ?? 0)
    const direct = this.plain
    if (direct !== undefined) return this.ledger.share(x.storage, direct.permute(x.native, perm), shape, x.dtype)
    return this.run(this.o.permute, { shape, dtype: x.dtype, view: x.storage, shared: 1 }, x, perm)
  }
  narrow(x: Handle, axis: number, start: number, length: number): Handle {
    const shape = x.shape.with(axis, length)
    const direct = this.plain
    if (direct !== undefined) {
      const view = this.ledger.share(x.storage, direct.narrow(x.native, axis, start, length), shape, x.dtype)
      view.contiguous = x.contiguous && axis === 0
      view.ordered = x.ordered
      return view
    }
    return this.run(this.o.narrow, { shape, dtype: x.dtype, view: x.storage }, x, axis, start, length)
  }
  cat(xs: ReadonlyArray<Handle>, axis: number): Handle {
    const [first] = xs
    let along = 0
    for (const x of xs) along += x.shape[axis] ?? 0
    const shape = (first?.shape ?? []).with(axis, along)
    const direct = this.plain
    if (direct !== undefined && xs.length <= MOST_AT_ONCE) {
      const dtype = first?.dtype ?? "f32"
      this.ledger.admit(bytesOf(shape, dtype))
      const natives = xs.map((x) => x.native)
      const y = this.ledger.enter(direct.cat(natives, axis), shape, dtype)
      // Of four axes and more it may keep an order of channels.
      y.contiguous = shape.length < 4
      return y
    }
    return this.run(this.o.cat, { shape, dtype: first?.dtype ?? "f32" }, xs, axis)
  }
  /** Rows of axis 0, in f32 where they are floats. */
  rows(x: Handle, ids: Handle): Handle {
    const [, ...rest] = x.shape
    const shape = [ids.size, ...rest]
    const made = { shape, dtype: x.dtype, saved: [ids] }
    const y =
      x.shape.length === 2 && x.dtype !== "i32"
        ? this.run(this.o.embedding, made, x, ids, -1, false, false)
        : this.run(this.o.indexSelect, made, x, 0, ids)
    y.contiguous = true
    return x.dtype === "i32" ? y : this.cast(y, "f32")
  }

  /** The same numbers in another type; the tensor itself where it has it. */
  cast(x: Handle, dtype: DType): Handle {
    if (x.dtype === dtype) return x
    const { dtypes } = this.dispatcher.natives
    return this.run(this.o.to, { shape: x.shape, dtype }, x, dtypes[dtype], false, false, undefined)
  }

  // --- arithmetic ---

  /** a − factor · b */
  subtract(a: Handle, b: Handle, factor: number, shape: ReadonlyArray<number>): Handle {
    const direct = this.plain
    if (direct !== undefined) {
      return this.#like(a, shape, () => direct.add(a.native, b.native, -factor))
    }
    const { tape } = this
    const from = [a, b].filter((t) => this.tracks(t))
    const native = (t: Handle): Pointer => tape?.native(t) ?? t.native
    this.ledger.admit(bytesOf(shape, "f32"))
    const result = this.dispatcher.subtract(native(a), native(b), factor)
    const shared = factor === -1 ? 2 : this.tracks(a) ? 1 : 0
    return this.#enter(result, { shape, shared }, from.length === 0 ? undefined : from)
  }
  mul(a: Handle, b: Handle, shape: ReadonlyArray<number>): Handle {
    const direct = this.plain
    if (direct !== undefined) {
      return this.#like(a, shape, () => direct.mul(a.native, b.native))
    }
    const saved = [...(this.tracks(a) ? [b] : []), ...(this.tracks(b) ? [a] : [])]
    return this.run(this.o.mul, { shape, saved }, a, b)
  }
  scale(x: Handle, factor: number): Handle {
    const direct = this.plain
    if (direct !== undefined) {
      return this.#like(x, x.shape, () => direct.scale(x.native, factor))
    }
    return this.run(this.o.mul, { shape: x.shape }, x, this.scalar(factor))
  }
  sum(x: Handle): Handle {
    return this.run(this.o.sum, { shape: [] }, x, undefined)
  }
  sumOver(x: Handle, axes: ReadonlyArray<number>, keep: boolean): Handle {
    const shape = keep ? x.shape.map((d, i) => (axes.includes(i) ? 1 : d)) : x.shape.filter((_, i) => !axes.includes(i))
    return this.run(this.o.sumDim, { shape }, x, axes, keep, undefined)
  }
  tanh(x: Handle): Handle {
    return this.run(this.o.tanh, { shape: x.shape, savesResult: true }, x)
  }

  // --- products ---

  /** x [N, I] · w [O, I]ᵀ (+ bias) */
  linear(x: Handle, w: Handle, bias?: Handle): Handle {
    const saved = [...(this.tracks(w) ? [x] : []), ...(this.tracks(x) ? [w] : [])]
    const made = { shape: [x.shape[0] ?? 0, w.shape[0] ?? 0], dtype: x.dtype, saved }
    const y = this.run(this.o.linear, made, x, w, bias)
    y.contiguous = true
    return y
  }
  /** x / √(mean(x²) + eps) · w over the last axis; `hidden` bytes are what the derivative keeps beside x and w. */
  rmsNorm(x: Handle, w: Handle, eps: number, hidden: number): Handle {
    const width = x.shape.at(-1) ?? 1
    const direct = this.plain
    if (direct !== undefined) {
      return this.#like(x, x.shape, () => direct.rmsNorm(x.native, width, w.native, eps))
    }
    return this.run(this.o.rmsNorm, { shape: x.shape, saved: [x, w], hidden, second: true }, x, [width], w, eps)
  }
  /** A second tensor of the same numbers, contiguous. */
  clone(x: Handle): Handle {
    const y = this.run(this.o.clone, { shape: x.shape, dtype: x.dtype }, x, CONTIGUOUS)
    y.contiguous = true
    return y
  }
  mm(a: Handle, b: Handle): Handle {
    return this.run(this.o.mm, { shape: [a.shape[0] ?? 0, b.shape[1] ?? 0], dtype: a.dtype, saved: [a, b] }, a, b)
  }
  bmm(a: Handle, b: Handle): Handle {
    const [n = 0, i = 0] = a.shape
    return this.run(this.o.bmm, { shape: [n, i, b.shape[2] ?? 0], saved: [a, b] }, a, b)
  }
  softmax(x: Handle): Handle {
    return this.run(this.o.softmax, { shape: x.shape, savesResult: true }, x, -1, false)
  }
}
