import type { AdamWOptions } from "@hmx/lm"
import type { Handle } from "./Ledger.ts"
import type { Ops } from "./Ops.ts"

/** Σ x² over all tensors, squared and summed in f64. */
export function sumSquares(ops: Ops, xs: ReadonlyArray<Handle>): number {
  const { dispatcher, o } = ops
  let total = 0
  for (const x of xs) {
    const wide = dispatcher.one(o.to, x.native, dispatcher.natives.f64, false, false, undefined)
    const flat = dispatcher.one(o.reshape, wide, [-1])
    const squares = dispatcher.one(o.dot, flat, flat)
    total += dispatcher.item(squares)
    for (const t of [wide, flat, squares]) dispatcher.delete(t)
  }
  return total
}

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
