/** Attention out of torch's operators: fused, or step by step where the scores are bent. */
import { evenKeys } from "./even.ts"
import { folded, foldedType } from "./folded.ts"
import type { Handle } from "./Ledger.ts"
import { bytesOf } from "./Ledger.ts"
import type { Ops } from "./Ops.ts"

/** Added to the score of a key that is not seen. */
const UNSEEN = -1e9

interface How {
  readonly scale: number
  readonly softcap?: number | undefined
  /** On a GPU: the type in which queries of one key head are attended together as its rows. */
  readonly fold?: "f32" | "bf16" | undefined
}

/** q [B, Tq, H, D], k and v [B, Tk or more, K, D], bias [B or 1, Tq, Tk] → [B, Tq, H, D]. */
export function attention(ops: Ops, q: Handle, k: Handle, v: Handle, bias: Handle, how: How): Handle {
  const [, queries = 0, heads = 0, size = 0] = q.shape
  const [first = 1, , Tk = 0] = bias.shape
  // Queries of a key head go together where no gradient is wanted.
  const together = ops.plain === undefined || how.softcap !== undefined ? 1 : heads / Math.max(1, k.shape[2] ?? 1)
  return evenKeys(ops, { keys: Tk, queries, size, together }, (keys) => {
    // Keys behind the mask come from a cache's room, or are zeros.
    const some = (t: Handle) => {
      const [n = 0, room = 0, kvHeads = 0] = t.shape
      if (room >= keys) return room === keys ? t : ops.narrow(t, 1, 0, keys)
      return ops.cat([t, ops.filled([n, keys - room, kvHeads, size], 0)], 1)
    }
    const mask = keys === Tk ? bias : ops.cat([bias, ops.filled([first, 1, keys - Tk], UNSEEN)], 2)
    return whole(ops, q, some(k), some(v), mask, how)
  })
}

/** Of as many keys as there are. */
function whole(ops: Ops, q: Handle, k: Handle, v: Handle, bias: Handle, { fold, scale, softcap }: How): Handle {
  if (q.size === 0 || k.size === 0) {
    // No kernel takes an empty axis: zeros, with gradients of zero.
    const zeros = (t: Handle) => ops.filled(t.shape, 0)
    const run = () => [zeros(q)] as const
    return ops.custom(
      [q, k, v],
      () => [q, k, v],
      1,
      run,
      (_, saved) => saved.map(zeros),
    )[0]
  }
  if (softcap !== undefined) return stepwise(ops, q, k, v, bias, scale, softcap)
  if (fold === undefined) return fused(ops, q, k, v, bias, scale)
  const type = foldedType(q.shape, fold)
  return type === undefined ? stepwise(ops, q, k, v, bias, scale) : folded(ops, q, k, v, bias, scale, type)
}

function fused(ops: Ops, q: Handle, k: Handle, v: Handle, bias: Handle, scale: number): Handle {
  const [B = 0, Tq = 0, H = 0, D = 0] = q.shape
  const [, Tk = 0, K = 0] = k.shape
  const heads = (t: Handle) => ops.permute(t, [0, 2, 1, 3])
  const { plain } = ops
  if (Tq === 1 && plain !== undefined) {
    // The queries of one key head are its rows: keys are read once for all of them.
    const mask = ops.reshape(bias, [bias.shape[0] ?? 1, 1, 1, Tk])
    const [rows, ks, vs] = [ops.reshape(q, [B, K, H / K, D]), heads(k), heads(v)]
    ops.ledger.admit(bytesOf(q.shape, "f32"))
    const mixed = plain.flash(rows.native, ks.native, vs.native, mask.native, scale)
    return ops.reshape(ops.ledger.enter(mixed, rows.shape, "f32"), q.shape)
  }
  const [qs, ks, vs] = [heads(q), heads(k), heads(v)]
  const mask = ops.reshape(bias, [bias.shape[0] ?? 1, 1, Tq, Tk])
  // The derivative keeps each row's log Σ exp.
  const made = { shape: [B, H, Tq, D], saved: [qs, ks, vs, mask], savesResult: true, hidden: 4 * B * H * Tq } as const
  return heads(ops.run(ops.o.sdpa, made, qs, ks, vs, mask, 0, false, scale, H !== K))
}

/** No fused kernel bends the scores or takes such heads, so they are made: [B, K, G, Tq, Tk], G query heads to a key head. */
function stepwise(ops: Ops, q: Handle, k: Handle, v: Handle, bias: Handle, scale: number, softcap?: number): Handle {
  const [B = 0, Tq = 0, H = 0, D = 0] = q.shape
  const [, Tk = 0, K = 0] = k.shape
  const G = H / K
  const queries = ops.reshape(ops.permute(ops.reshape(q, [B, Tq, K, G, D]), [0, 2, 3, 1, 4]), [B * K, G * Tq, D])
  const keys = ops.reshape(ops.permute(k, [0, 2, 3, 1]), [B * K, D, Tk])
  const values = ops.reshape(ops.permute(v, [0, 2, 1, 3]), [B * K, Tk, D])
  const raw = ops.reshape(ops.bmm(queries, keys), [B, K, G, Tq, Tk])
  const bent =
    softcap === undefined ? ops.scale(raw, scale) : ops.scale(ops.tanh(ops.scale(raw, scale / softcap)), softcap)
  const mask = ops.reshape(bias, [bias.shape[0] ?? 1, 1, 1, Tq, Tk])
  const weights = ops.softmax(ops.subtract(bent, mask, -1, bent.shape))
  const mixed = ops.reshape(ops.bmm(ops.reshape(weights, [B * K, G * Tq, Tk]), values), [B, K, G, Tq, D])
  return ops.reshape(ops.permute(mixed, [0, 3, 1, 2, 4]), [B, Tq, H, D])
}
