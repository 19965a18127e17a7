import type { Vjp } from "@hmx/lm"
import { EngineMisuse } from "@hmx/lm"
import type { Handle, Storage } from "./Ledger.ts"
import { widths } from "./Ledger.ts"
import type { Pointer } from "./Natives.ts"
import type { Ops } from "./Ops.ts"
import type { Tape } from "./Tape.ts"

/** The interface's `Vjp` over a recording whose function has returned. */
export function vjpOf(
  ops: Ops,
  tape: Tape,
  outputs: ReadonlyArray<Handle>,
  inputs: ReadonlyArray<Handle>,
  params: ReadonlyArray<Handle>,
  check: (cotangent: unknown, output: Handle) => Handle,
): Vjp {
  const { ledger, dispatcher } = ops
  const takers = tape.finish(outputs)
  ledger.openTape(tape)
  let spent = false

  /** A gradient as a tensor of the caller's. It may share memory with a cotangent or another gradient. */
  const entered = (native: Pointer, t: Handle, known: Map<Pointer, Storage>): Handle => {
    const { at, bytes } = dispatcher.storage(native, widths[t.dtype])
    let storage = at === 0 ? undefined : known.get(at)
    if (storage === undefined) {
      storage = { bytes, users: 0 }
      known.set(at, storage)
    }
    return ops.cast(ledger.share(storage, native, t.shape, t.dtype), "f32")
  }

  return {
    outputs,
    pullback: (cotangents) => {
      if (spent) throw new EngineMisuse("vjp: the pullback was used or released before")
      if (cotangents.length !== outputs.length)
        throw new EngineMisuse(`vjp: ${outputs.length} cotangents expected, ${cotangents.length} given`)
      const checked = outputs.map((t, i) => check(cotangents[i], t))
      spent = true
      try {
        const back = () => {
          const known = new Map<Pointer, Storage>()
          for (const [i, t] of checked.entries()) {
            const take = takers[i]
            if (take === undefined) continue
            take(t)
            known.set(dispatcher.storage(t.native, widths[t.dtype]).at, t.storage)
          }
          const gradients = new Map<Handle, Handle>()
          tape.pullback((t, native) => gradients.set(t, entered(native, t, known)))
          // A source given twice gets a handle of its own each time, so that the caller may free both.
          const taken = new Set<Handle>()
          const take = (t: Handle): Handle | undefined => {
            const gradient = gradients.get(t)
            if (gradient === undefined || !taken.has(t)) {
              taken.add(t)
              return gradient
            }
            return ledger.share(gradient.storage, dispatcher.copy(gradient.native), gradient.shape, gradient.dtype)
          }
          return { inputs: inputs.map(take), params: params.map(take) }
        }
        // Another recording may be under way, which is not to see this.
        return ops.under(undefined, () => ledger.scope(back))
      } finally {
        tape.release()
      }
    },
    release: () => {
      spent = true
      tape.release()
    },
  }
}
