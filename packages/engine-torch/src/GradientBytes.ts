/**
 * How much memory gradients take on the way back through a recording. Torch makes them itself, without asking for room or saying what it took,
 * so the way is walked beforehand with sizes alone. An estimate from above: each gradient is there from the operation that makes it to the one that
 * uses it, what the derivative keeps all the while; where torch adds up in place, or hands a gradient on as it is, so does the walk. What a derivative's
 * own code needs beside its results is not in it.
 */
import { type Handle, widths } from "./Ledger.ts"

/** An operation on tensors that a gradient flows through. */
export interface Step {
  readonly made: Handle
  readonly from: ReadonlyArray<Handle>
  /** Of how many of these, from the first, the gradient is that of the result: the same memory, where they are as large. */
  readonly shared: number
}

interface Buffer {
  readonly bytes: number
  users: number
}

const bytesOf = (t: Handle): number => widths[t.dtype] * t.size

export class GradientBytes {
  readonly #of = new Map<Handle, Buffer>()
  #live = 0
  #peak = 0

  /** A cotangent of the caller's, whose memory is counted already. */
  given(t: Handle): void {
    this.#arrive(t, { bytes: 0, users: 0 })
  }

  /** Gradients that are alive. */
  get live(): number {
    return this.#live
  }

  /** Goes back through an operation whose derivative is ours and counts what it makes: only its results are new here. */
  custom(made: ReadonlyArray<Handle>, from: ReadonlyArray<Handle>): void {
    const used = made.flatMap((t) => this.#take(t) ?? [])
    if (used.length > 0) for (const t of from) this.#arrive(t, this.#fresh(t))
    for (const buffer of used) this.#drop(buffer)
  }

  /** Goes back through a segment; returns the most bytes that were alive at one time. */
  segment(steps: ReadonlyArray<Step>): number {
    this.#peak = this.#live
    // What the segment starts from is held until it is done.
    const roots = [...this.#of.values()]
    for (const root of roots) root.users += 1
    for (let i = steps.length - 1; i >= 0; i--) {
      const step = steps[i]
      const gradient = step && this.#take(step.made)
      if (step === undefined || gradient === undefined) continue
      for (const [j, t] of step.from.entries())
        this.#arrive(t, j < step.shared && t.size === step.made.size ? gradient : this.#fresh(t))
      this.#drop(gradient)
    }
    for (const root of roots) this.#drop(root)
    return this.#peak
  }

  #fresh(t: Handle): Buffer {
    const buffer = { bytes: bytesOf(t), users: 0 }
    this.#grow(buffer.bytes)
    return buffer
  }
  #grow(bytes: number): void {
    this.#live += bytes
    if (this.#live > this.#peak) this.#peak = this.#live
  }
  #take(t: Handle): Buffer | undefined {
    const buffer = this.#of.get(t)
    this.#of.delete(t)
    return buffer
  }
  #arrive(t: Handle, gradient: Buffer): void {
    gradient.users += 1
    const before = this.#of.get(t)
    if (before === undefined) {
      this.#of.set(t, gradient)
      return
    }
    // One that nobody else has is added to in place.
    const sum = before.users === 1 && before.bytes > 0 ? before : this.#fresh(t)
    if (sum !== before) {
      sum.users += 1
      this.#drop(before)
      this.#of.set(t, sum)
    }
    this.#drop(gradient)
  }
  #drop(buffer: Buffer): void {
    buffer.users -= 1
    if (buffer.users === 0) this.#live -= buffer.bytes
  }
}
