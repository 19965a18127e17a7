/**
 * Operators through functions of the shim's own, which take the handles as they are: one call where the dispatcher takes a copy of each
 * handle and a list for each list. They pass autograd by, so that they are for what no tape sees. Of the CPU; an older library may lack one.
 */
import type { Dispatcher } from "./Dispatcher.ts"
import type { Natives, Pointer } from "./Natives.ts"
import { slot } from "./Natives.ts"

export type Shim = NonNullable<Natives["shim"]>

export class Direct {
  readonly #dispatcher: Dispatcher
  readonly #shim: Shim
  readonly #result: Pointer
  readonly #sizes: Pointer

  constructor(dispatcher: Dispatcher, shim: Shim) {
    this.#dispatcher = dispatcher
    this.#shim = shim
    this.#result = dispatcher.at(slot.result)
    this.#sizes = dispatcher.at(slot.sizes)
  }

  /** a + factor · b */
  add(a: Pointer, b: Pointer, factor: number): Pointer {
    return this.#done(this.#shim.add(a, b, factor, this.#result))
  }
  mul(a: Pointer, b: Pointer): Pointer {
    return this.#done(this.#shim.mul(a, b, this.#result))
  }
  scale(x: Pointer, factor: number): Pointer {
    return this.#done(this.#shim.scale(x, factor, this.#result))
  }
  reshape(x: Pointer, shape: ReadonlyArray<number>): Pointer {
    this.#write(shape)
    return this.#done(this.#shim.reshape(x, this.#sizes, shape.length, this.#result))
  }
  permute(x: Pointer, axes: ReadonlyArray<number>): Pointer {
    this.#write(axes)
    return this.#done(this.#shim.permute(x, this.#sizes, axes.length, this.#result))
  }
  narrow(x: Pointer, axis: number, start: number, length: number): Pointer {
    return this.#done(this.#shim.narrow(x, axis, start, length, this.#result))
  }
  /** At most as many as there are slots for a call. */
  cat(ts: ReadonlyArray<Pointer>, axis: number): Pointer {
    for (let i = 0; i < ts.length; i++) this.#dispatcher.setInteger(i, ts[i] ?? 0)
    return this.#done(this.#shim.cat(this.#dispatcher.at(0), ts.length, axis, this.#result))
  }
  rmsNorm(x: Pointer, width: number, weight: Pointer, eps: number): Pointer {
    const { natives } = this.#dispatcher
    this.#write([width])
    this.#dispatcher.setInteger(0, weight)
    natives.scratch.f64[1] = eps
    const [first, second] = [this.#dispatcher.at(0), this.#dispatcher.at(1)]
    const y = this.#done(
      this.#shim.rmsNorm(x, this.#sizes, 1, first, second, this.#result, this.#dispatcher.at(slot.second)),
    )
    this.#dispatcher.delete(this.#dispatcher.pointer(slot.second))
    return y
  }

  /** q [B, K, T, D], k and v [B, K, Tk, D], mask that is added to the scores: [B, K, T, D], which lies in memory as [B, T, K, D]. */
  flash(q: Pointer, k: Pointer, v: Pointer, mask: Pointer, scale: number): Pointer {
    this.#dispatcher.setInteger(0, mask)
    this.#dispatcher.natives.scratch.f64[1] = scale
    const [first, second] = [this.#dispatcher.at(0), this.#dispatcher.at(1)]
    const sums = this.#dispatcher.at(slot.second)
    const y = this.#done(this.#shim.flash(q, k, v, 0, 0, first, second, this.#result, sums))
    this.#dispatcher.delete(this.#dispatcher.pointer(slot.second))
    return y
  }

  #write(values: ReadonlyArray<number>): void {
    for (let i = 0; i < values.length; i++) this.#dispatcher.setInteger(slot.sizes + i, values[i] ?? 0)
  }
  #done(rc: number): Pointer {
    if (rc !== 0) this.#dispatcher.check(rc)
    return this.#dispatcher.pointer(slot.result)
  }
}
