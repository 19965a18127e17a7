/**
 * y = x·wᵀ + bias + scale·(x·aᵀ)·bᵀ and its gradients, with plain products only: on wasm a product with a transposed operand
 * is some fifteen times slower than transposing first.
 */
import type { Composed } from "./Composed.ts"
import type { Handle } from "./Ledger.ts"

export interface Lora {
  readonly a: Handle
  readonly b: Handle
  readonly scale: number
}

/** The output and, with LoRA, scale·x·aᵀ [N, r], which the gradient needs. */
export function linear(
  ops: Composed,
  x: Handle,
  w: Handle,
  bias: Handle | undefined,
  lora: Lora | undefined,
): { readonly y: Handle; readonly low: Handle | undefined } {
  let y = ops.rowProduct(x, w.transposed ?? ops.swap(w))
  if (bias !== undefined) y = ops.add(y, bias)
  if (lora === undefined) return { y, low: undefined }
  const low = ops.rowProduct(x, ops.scale(ops.swap(lora.a), lora.scale))
  return { y: ops.add(y, ops.rowProduct(low, ops.swap(lora.b))), low }
}

export function linearGrad(
  ops: Composed,
  x: Handle,
  w: Handle,
  lora: (Lora & { readonly low: Handle }) | undefined,
  dy: Handle,
  wanted: { readonly x: boolean; readonly w: boolean },
): { readonly x: Handle | undefined; readonly w: Handle | undefined; readonly a?: Handle; readonly b?: Handle } {
  const dx = wanted.x ? ops.matMul(dy, w) : undefined
  // dw = dyᵀ·x = (xᵀ·dy)ᵀ: transposing the wider is cheaper than XNNPACK's packing of it as the right factor.
  const dw = !wanted.w
    ? undefined
    : x.size > dy.size
      ? ops.swap(ops.matMul(ops.swap(x), dy))
      : ops.matMul(ops.swap(dy), x)
  if (lora === undefined) return { x: dx, w: dw }
  const dLow = ops.scale(ops.matMul(dy, lora.b), lora.scale)
  return {
    x: dx === undefined ? undefined : ops.add(dx, ops.matMul(dLow, lora.a)),
    w: dw,
    a: ops.matMul(ops.swap(dLow), x),
    b: ops.swap(ops.matMul(ops.swap(lora.low), dy)),
  }
}
