/**
 * Fused attention on a GPU. Of torch's kernels only the memory-efficient one takes a mask and f32, and in 2.13 it wants as many key heads as query
 * heads: given fewer, torch makes all scores in silence and its graph keeps them (`sdp_utils_cpp.h`, `check_batch_size_and_num_heads_dense`).
 * So the queries of one key head become its rows, [B, K, G · Tq, D], under a mask that is repeated G times: keys and values are
 * neither copied nor read G times.
 */
import type { Handle } from "./Ledger.ts"
import type { Ops } from "./Ops.ts"

type Type = "f32" | "bf16"

/** Rows that the kernel's log Σ exp is made longer to (`_scaled_dot_product_efficient_attention`). */
const SUMS = 32
/** Elements that a mask's rows must be apart by a multiple of, else torch copies it at each call (`preprocess_mask`). */
const APART = 8
/** Elements of a head that the kernel reads at one time: 16 bytes. */
const lanes: { readonly [T in Type]: number } = { f32: 4, bf16: 8 }

/**
 * The type that q [B, Tq, H, D] is attended in; undefined for heads that the kernel does not take. A single query reads each key once: to write
 * the cache in another type first would be more to read and write than is saved. f16 has no room for the mask's −1e9.
 */
export const foldedType = ([, queries = 0, , size = 0]: ReadonlyArray<number>, wanted: Type): Type | undefined =>
  (queries === 1 ? (["f32"] as const) : ([wanted, "f32"] as const)).find((type) => size % lanes[type] === 0)

/** q [B, Tq, H, D], k and v [B, Tk, K, D], bias [B or 1, Tq, Tk] → [B, Tq, H, D] in f32. */
export function folded(ops: Ops, q: Handle, k: Handle, v: Handle, bias: Handle, scale: number, type: Type): Handle {
  const [B = 0, Tq = 0, H = 0, D = 0] = q.shape
  const [, , K = 0] = k.shape
  const G = H / K
  const perHead = ops.permute(ops.reshape(ops.cast(q, type), [B, Tq, K, G, D]), [0, 2, 3, 1, 4])
  const rows = ops.reshape(perHead, [B, K, G * Tq, D])
  const heads = (t: Handle) => ops.permute(ops.cast(t, type), [0, 2, 1, 3])
  const [ks, vs, mask] = [heads(k), heads(v), maskOf(ops, bias, G, type)]
  const hidden = 4 * B * K * SUMS * Math.ceil((G * Tq) / SUMS)
  const made = { shape: rows.shape, dtype: type, saved: [rows, ks, vs, mask], savesResult: true, hidden } as const
  const mixed = ops.run(ops.o.sdpa, made, rows, ks, vs, mask, 0, false, scale, false)
  const perRow = ops.permute(ops.reshape(mixed, [B, K, G, Tq, D]), [0, 3, 1, 2, 4])
  return ops.cast(ops.reshape(perRow, q.shape), "f32")
}

/** The mask [B or 1, 1, G · Tq, Tk] of a type: made once for all layers, unless a gradient flows through it. */
function maskOf(ops: Ops, bias: Handle, G: number, type: Type): Handle {
  const known = bias.folded
  if (known !== undefined && known.heads === G && known.made.dtype === type) return known.made
  const made = ops.ledger.scope(() => repeated(ops, bias, G, type))
  // What looks into the mask itself is nothing to keep, and would keep it from being written.
  if (ops.tracks(bias) || made.storage === bias.storage) return made
  if (known !== undefined) ops.ledger.free(known.made)
  ops.ledger.keep(made)
  bias.folded = { heads: G, made }
  return made
}

function repeated(ops: Ops, bias: Handle, G: number, type: Type): Handle {
  const [first = 1, Tq = 0, Tk = 0] = bias.shape
  const missing = (APART - (Tk % APART)) % APART
  const one = ops.cast(bias, type)
  const apart = missing === 0 ? one : ops.cat([one, ops.filled([first, Tq, missing], 0, type)], 2)
  // One query's row serves all of them as it is.
  const times = Tq === 1 ? 1 : G
  const all =
    times === 1
      ? apart
      : ops.cat(
          Array.from({ length: times }, () => apart),
          1,
        )
  const mask = ops.reshape(all, [first, 1, times * Tq, Tk + missing])
  return missing === 0 ? mask : ops.narrow(mask, 3, 0, Tk)
}
