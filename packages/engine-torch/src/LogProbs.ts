/**
 * Log-probabilities of given tokens and the entropy of each row, chunk by chunk: at most `chunk` rows of logits exist at one time, in the
 * backward pass as well, which computes them again.
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
  const [logprobs, entropy] = ops.custom(
    [h, w],
    [h, w, targets],
    1,
    () => forward(ops, h, w, targets, compute, options),
    ([dy], [rows, weight, ids], wanted) => {
      if (dy === undefined || rows === undefined || weight === undefined || ids === undefined) return []
      return backward(ops, rows, weight, ids, dy, wanted, compute, options)
    },
  )
  return { logprobs, entropy }
}

/** Weights as the products want them: widened once for all chunks. */
const ready = (ops: Ops, w: Handle, compute: ComputeOf): Handle =>
  w.dtype === "bf16" || w.dtype === "f16" ? ops.cast(w, compute(w.dtype)) : w

/** Logits of some rows after softcap and temperature, and the tanh of the softcap. */
function logits(ops: Ops, h: Handle, w: Handle, compute: ComputeOf, { temperature, softcap }: LogitOptions) {
  const z = evenRows(ops, h, (rows) => product(ops, rows, w, compute))
  if (softcap === undefined) {
    if (temperature !== 1) ops.into(ops.o.mulInto, z, ops.scalar(1 / temperature))
    return { z, cap: undefined }
  }
  ops.into(ops.o.mulInto, z, ops.scalar(1 / softcap))
  const cap = ops.tanh(z)
  ops.ledger.free(z)
  return { z: ops.scale(cap, softcap / temperature), cap }
}

function forward(ops: Ops, h: Handle, w: Handle, targets: Handle, compute: ComputeOf, options: LogitOptions) {
  const [N = 0] = h.shape
  const weight = ready(ops, w, compute)
  const parts = { logprobs: new Array<Handle>(), entropy: new Array<Handle>() }
  for (let start = 0; start < N; start += options.chunk) {
    const n = Math.min(options.chunk, N - start)
    const part = ops.ledger.scope(() => {
      const { z, cap } = logits(ops, ops.narrow(h, 0, start, n), weight, compute, options)
      if (cap !== undefined) ops.ledger.free(cap)
      const logp = ops.run(ops.o.logSoftmax, { shape: z.shape }, z, -1, false)
      ops.ledger.free(z)
      const chosen = ops.run(
        ops.o.gather,
        { shape: [n, 1] },
        logp,
        1,
        ops.column(ops.narrow(targets, 0, start, n)),
        false,
      )
      const p = ops.run(ops.o.exp, { shape: logp.shape }, logp)
      ops.into(ops.o.mulInto, p, logp)
      return { logprobs: ops.reshape(chosen, [n]), entropy: ops.scale(ops.sumOver(p, [1], false), -1) }
    })
    parts.logprobs.push(part.logprobs)
    parts.entropy.push(part.entropy)
  }
  if (N === 0) return [ops.filled([0], 0), ops.filled([0], 0)] as const
  return [ops.cat(parts.logprobs, 0), ops.cat(parts.entropy, 0)] as const
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
  const [V = 0] = w.shape
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
      const dz = ops.softmax(z)
      ops.ledger.free(z)
      ops.into(ops.o.mulInto, dz, ops.scale(g, -1))
      ops.into(ops.o.scatterAdd, dz, 1, ops.column(ops.narrow(targets, 0, start, n)), g)
      if (cap !== undefined)
        ops.into(ops.o.mulInto, dz, ops.subtract(ops.filled([], 1), ops.mul(cap, cap, [n, V]), 1, [n, V]))
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
