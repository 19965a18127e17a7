/**
 * Scaled dot-product attention with grouped heads, and its gradient. The query heads of one key head are stacked as rows,
 * so that each (batch, key head) is one product [G·Tq, D]·[D, Tk].
 */
import type { Composed } from "./Composed.ts"
import type { Handle } from "./Ledger.ts"

export interface Shape {
  readonly B: number
  readonly Tq: number
  readonly Tk: number
  readonly H: number
  readonly K: number
  readonly D: number
}

export interface Scores {
  readonly scale: number
  readonly softcap: number | undefined
}

/** The output, the probabilities [B·K, G·Tq, Tk] and, with a softcap, the tanh that the gradient needs. */
export type Attended = {
  readonly y: Handle
  readonly p: Handle | undefined
  readonly cap: Handle | undefined
}

/** What the gradient is computed from. */
export interface Kept extends Attended {
  readonly q: Handle
  readonly k: Handle
  readonly v: Handle
  readonly p: Handle
}

/** q [B, Tq, H, D] → [B·K, G·Tq, D]. */
function stack(ops: Composed, x: Handle, s: Shape): Handle {
  return ops.reshape(ops.transpose(x, [0, 2, 1, 3]), [s.B * s.K, (s.H / s.K) * s.Tq, s.D])
}
function unstack(ops: Composed, x: Handle, s: Shape): Handle {
  return ops.transpose(ops.reshape(x, [s.B, s.H, s.Tq, s.D]), [0, 2, 1, 3])
}
/** k or v [B, Tk, K, D] → [B·K, Tk, D]. */
function perHead(ops: Composed, x: Handle, s: Shape): Handle {
  return ops.reshape(ops.transpose(x, [0, 2, 1, 3]), [s.B * s.K, s.Tk, s.D])
}
function fromHeads(ops: Composed, x: Handle, s: Shape): Handle {
  return ops.transpose(ops.reshape(x, [s.B, s.K, s.Tk, s.D]), [0, 2, 1, 3])
}

export function attention(
  ops: Composed,
  q: Handle,
  k: Handle,
  v: Handle,
  bias: Handle,
  s: Shape,
  { scale, softcap }: Scores,
): Attended {
  let scores = ops.scale(ops.matMul(stack(ops, q, s), ops.swap(perHead(ops, k, s))), scale)
  let cap: Handle | undefined
  if (softcap !== undefined) {
    cap = ops.tanh(ops.scale(scores, 1 / softcap))
    scores = ops.scale(cap, softcap)
  }
  const heads = ops.reshape(scores, [s.B, s.H, s.Tq, s.Tk])
  const biased = ops.add(heads, ops.reshape(bias, [bias.shape[0] ?? 1, 1, s.Tq, s.Tk]))
  const p = ops.reshape(ops.softmax(biased), scores.shape)
  return { y: unstack(ops, ops.matMul(p, perHead(ops, v, s)), s), p, cap }
}

export function attentionGrad(
  ops: Composed,
  { q, k, v, p, cap }: Kept,
  dy: Handle,
  s: Shape,
  { scale }: Scores,
): { readonly q: Handle; readonly k: Handle; readonly v: Handle } {
  const dyS = stack(ops, dy, s)
  const dv = ops.matMul(ops.swap(p), dyS)
  const dp = ops.matMul(dyS, ops.swap(perHead(ops, v, s)))
  // softmax: dS = P∘(dP − Σ dP∘P)
  let ds = ops.mul(p, ops.sub(dp, ops.sumOver(ops.mul(dp, p), [2], true)))
  if (cap !== undefined) ds = ops.mul(ds, ops.sub(ops.scalar(1), ops.square(cap)))
  ds = ops.scale(ds, scale)
  return {
    q: unstack(ops, ops.matMul(ds, perHead(ops, k, s)), s),
    k: fromHeads(ops, ops.matMul(ops.swap(ds), stack(ops, q, s)), s),
    v: fromHeads(ops, dv, s),
  }
}
