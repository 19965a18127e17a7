import type { AdamWOptions } from "@hmx/lm"
import type { Handle } from "./Ledger.ts"
import type { Ops } from "./Ops.ts"

/** Elements that are widened at one time: 8 MiB. */
const AT_ONCE = 1 << 20

/** Σ x² over all tensors, squared and summed in f64, some rows (of the longest axis) after others. */
export const sumSquares = (ops: Ops, xs: ReadonlyArray<Handle>): number => ops.under(undefined, () => sumOf(ops, xs))

function sumOf(ops: Ops, xs: ReadonlyArray<Handle>): number {
  let total = 0
  for (const x of xs) total += ops.ledger.scope(() => sumOfOne(ops, x))
  return total
}

function sumOfOne(ops: Ops, x: Handle): number {
  const whole = x.contiguous ? ops.reshape(x, [x.size]) : x
  const axis = whole.shape.reduce((best, d, i) => (d > (whole.shape[best] ?? 0) ? i : best), 0)
  const longest = whole.shape[axis] ?? 1
  const rows = Math.max(1, Math.floor(AT_ONCE / Math.max(1, whole.size / longest)))
  if (rows >= longest) return squares(ops, whole)
  let total = 0
  for (let start = 0; start < longest; start += rows)
    total += ops.ledger.scope(() => squares(ops, ops.narrow(whole, axis, start, Math.min(rows, longest - start))))
  return total
}

/** Of so few elements that they are widened together; what is not laid row by row is copied once more. */
const squares = (ops: Ops, x: Handle): number =>
  ops.ledger.during((x.contiguous ? 8 : 16) * x.size, () => {
    const { dispatcher, o } = ops
    const made: Array<number> = []
    const own = (t: number): number => {
      made.push(t)
      return t
    }
    try {
      const wide = own(dispatcher.one(o.to, x.native, dispatcher.natives.f64, false, false, undefined))
      const flat = own(dispatcher.one(o.reshape, wide, [-1]))
      return dispatcher.item(own(dispatcher.one(o.dot, flat, flat)))
    } finally {
      for (const t of made) dispatcher.delete(t)
    }
  })

const list = (t: Handle): ReadonlyArray<number> => [t.native]

/** torch.optim.AdamW's fused kernel on copies. */
export function adamW(ops: Ops, p: Handle, g: Handle, m: Handle, v: Handle, options: AdamWOptions) {
  const { learningRate, beta1, beta2, weightDecay, epsilon, step } = options
  const [param, first, second] = [ops.clone(p), ops.clone(m), ops.clone(v)]
  // The kernel walks gradient and moments side by side.
  const gradient = ops.clone(g)
  const steps = ops.filled([], step)
  ops.dispatcher.none(
    ops.o.adamW,
    list(param),
    list(gradient),
    list(first),
    list(second),
    // No running maximum: that is AMSGrad's.
    [],
    list(steps),
    learningRate,
    beta1,
    beta2,
    weightDecay,
    epsilon,
    false,
    // Minimise.
    false,
    // No scale of the gradient and no flag for infinities: those are of mixed precision's scaler.
    undefined,
    undefined,
  )
  return { param, state: { m: first, v: second } }
}
