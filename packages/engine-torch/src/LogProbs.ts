/**
 * Log-probabilities of given tokens and the entropy of each row, chunk by chunk: at most `chunk` rows of logits exist at one time. A row's
 * log-probability depends on its own row of h alone, and the loss on a row's log-probability through one number; so the derivative for h
 * is found while the logits are there, and the backward pass only multiplies it with that number (as Liger's fused losses do, Hsu et al. 2024).
 * Where the weight's gradient is wanted as well, the backward pass computes the logits again.
 */
import { evenRows } from "./even.ts"
import type { Handle } from "./Ledger.ts"
import type { ComputeOf } from "./Layers.ts"
import { product } from "./Layers.ts"
import type { Ops } from "./Ops.ts"

export interface LogitOptions {
  readonly temperature: number
  readonly softcap: number | undefined
  readonly chunk: number
}

/** h [N, I], w [V, I], targets [N] → log-probabilities [N] and entropies [N]; the entropy carries no gradient. */
export function logProbs(ops: Ops, h: Handle, w: Handle, targets: Handle, compute: ComputeOf, options: LogitOptions) {
  const run = (sloped: boolean) => () => forward(ops, h, w, targets, compute, options, sloped)
  const [logprobs, entropy] = ops.tracks(w)
    ? ops.custom(
        [h, w],
        () => [h, w, targets],
        1,
        run(false),
        ([dy], [rows, weight, ids], wanted) => {
          if (dy === undefined || rows === undefined || weight === undefined || ids === undefined) return []
          return backward(ops, rows, weight, ids, dy, wanted, compute, options)
        },
      )
    : ops.custom(
        [h],
        ([, , ...slopes]) => slopes,
        1,
        run(ops.tracks(h)),
        ([dy], [slopes]) =>
          dy === undefined || slopes === undefined
            ? []
            : [ops.mul(slopes, ops.reshape(dy, [dy.size, 1]), slopes.shape)],
      )
  return { logprobs, entropy }
}

/** Weights as the products want them: widened once for all chunks. */
const ready = (ops: Ops, w: Handle, compute: ComputeOf): Handle =>
  w.dtype === "bf16" || w.dtype === "f16" ? ops.cast(w, compute(w.dtype)) : w

/** Logits of some rows after softcap and temperature, and the tanh of the softcap. */
function logits(ops: Ops, h: Handle, w: Handle, compute: ComputeOf, { temperature, softcap }: LogitOptions) {
  const z = evenRows(ops, h, w.size, (rows) => product(ops, rows, w, compute))
  if (softcap === undefined) {
    if (temperature !== 1) ops.into(ops.o.mulInto, z, ops.scalar(1 / temperature))
    return { z, cap: undefined }
  }
  ops.into(ops.o.mulInto, z, ops.scalar(1 / softcap))
  const cap = ops.tanh(z)
  ops.ledger.free(z)
  return { z: ops.scale(cap, softcap / temperature), cap }
}

/** Log-probabilities, entropies and, where `sloped`, the derivative of each row's log-probability for its row of h [N, I]. */
function forward(
  ops: Ops,
  h: Handle,
  w: Handle,
  targets: Handle,
  compute: ComputeOf,
  options: LogitOptions,
  sloped: boolean,
): readonly [Handle, Handle, ...ReadonlyArray<Handle>] {
  const [N = 0] = h.shape
  const weight = ready(ops, w, compute)
  const parts: Array<readonly [Handle, Handle, ...ReadonlyArray<Handle>]> = []
  for (let start = 0; start < N; start += options.chunk) {
    const n = Math.min(options.chunk, N - start)
    parts.push(
      ops.ledger.scope(() => {
        const { z, cap } = logits(ops, ops.narrow(h, 0, start, n), weight, compute, options)
        if (cap !== undefined && !sloped) ops.ledger.free(cap)
        const logp = ops.run(ops.o.logSoftmax, { shape: z.shape }, z, -1, false)
        ops.ledger.free(z)
        const ids = column(ops, ops.narrow(targets, 0, start, n))
        const chosen = ops.run(ops.o.gather, { shape: [n, 1] }, logp, 1, ids, false)
        const p = ops.run(ops.o.exp, { shape: logp.shape }, logp)
        ops.into(ops.o.mulInto, logp, p)
        const entropy = ops.scale(ops.sumOver(logp, [1], false), -1)
        ops.ledger.free(logp)
        const logprobs = ops.reshape(chosen, [n])
        if (!sloped) return [logprobs, entropy] as const
        const one = ops.filled([n, 1], 1 / options.temperature)
        const dz = ops.cast(throughSoftmax(ops, p, cap, ids, one), weight.dtype)
        return [logprobs, entropy, ops.cast(ops.mm(dz, weight), "f32")] as const
      }),
    )
  }
  const whole = (i: number) =>
    ops.cat(
      parts.flatMap((part) => part[i] ?? []),
      0,
    )
  if (N === 0) return [ops.filled([0], 0), ops.filled([0], 0), ...(sloped ? [ops.filled(h.shape, 0)] : [])]
  return [whole(0), whole(1), ...(sloped ? [whole(2)] : [])]
}

/** factor · (1[target] − p), through the softcap, in the place of p. */
function throughSoftmax(ops: Ops, p: Handle, cap: Handle | undefined, ids: Handle, factor: Handle): Handle {
  ops.into(ops.o.mulInto, p, ops.scale(factor, -1))
  ops.into(ops.o.scatterAdd, p, 1, ids, factor)
  if (cap !== undefined)
    ops.into(ops.o.mulInto, p, ops.subtract(ops.filled([], 1), ops.mul(cap, cap, p.shape), 1, p.shape))
  return p
}

/** dz = dy·(1[target] − softmax z); dh = dz·w, dw = dzᵀ·h. */
function backward(
  ops: Ops,
  h: Handle,
  w: Handle,
  targets: Handle,
  dy: Handle,
  wanted: ReadonlyArray<boolean>,
  compute: ComputeOf,
  options: LogitOptions,
): ReadonlyArray<Handle | undefined> {
  const [N = 0] = h.shape
  const weight = ready(ops, w, compute)
  let dw = wanted[1] === true ? ops.filled(w.shape, 0) : undefined
  const dhs: Array<Handle> = []
  for (let start = 0; start < N; start += options.chunk) {
    const n = Math.min(options.chunk, N - start)
    const before = dw
    const part = ops.ledger.scope(() => {
      const rows = ops.narrow(h, 0, start, n)
      const { z, cap } = logits(ops, rows, weight, compute, options)
      const g = ops.scale(ops.reshape(ops.narrow(dy, 0, start, n), [n, 1]), 1 / options.temperature)
      const p = ops.softmax(z)
      ops.ledger.free(z)
      const dz = throughSoftmax(ops, p, cap, column(ops, ops.narrow(targets, 0, start, n)), g)
      return {
        dw: before && ops.subtract(before, ops.mm(ops.permute(dz, [1, 0]), rows), -1, w.shape),
        dh: wanted[0] === true ? ops.cast(ops.mm(ops.cast(dz, weight.dtype), weight), "f32") : undefined,
      }
    })
    if (before !== undefined) ops.ledger.free(before)
    dw = part.dw
    if (part.dh !== undefined) dhs.push(part.dh)
  }
  const none = N === 0 && wanted[0] === true ? ops.filled(h.shape, 0) : undefined
  return [dhs.length === 0 ? none : ops.cat(dhs, 0), dw]
}

/** Indices as torch's gather and scatter want them: 64 bits, a column. */
function column({ dispatcher, ledger, o }: Ops, ids: Handle): Handle {
  const wide = dispatcher.one(o.to, ids.native, dispatcher.natives.i64, false, false, undefined)
  const native = dispatcher.one(o.reshape, wide, [ids.size, 1])
  dispatcher.delete(wide)
  return ledger.share({ bytes: 8 * ids.size, users: 0 }, native, [ids.size, 1], "i32")
}
