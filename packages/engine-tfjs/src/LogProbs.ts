/**
 * Log-probabilities of given tokens and the entropy of each row, chunk by chunk: at most `chunk` rows of logits exist at one
 * time, in the backward pass as well, which computes them again.
 */
import type { Composed } from "./Composed.ts"
import type { Handle } from "./Ledger.ts"

export interface LogitOptions {
  readonly temperature: number
  readonly softcap: number | undefined
  readonly chunk: number
}

/** Logits of some rows after softcap and temperature, and the tanh of the softcap. */
function logits(ops: Composed, h: Handle, wT: Handle, { temperature, softcap }: LogitOptions) {
  const raw = ops.rowProduct(h, wT)
  if (softcap === undefined) return { z: temperature === 1 ? raw : ops.scale(raw, 1 / temperature), cap: undefined }
  const cap = ops.tanh(ops.scale(raw, 1 / softcap))
  return { z: ops.scale(cap, softcap / temperature), cap }
}

/** Log Σ exp over the last axis [n, V] → [n, 1]. */
function logSumExp(ops: Composed, z: Handle): Handle {
  const max = ops.maxLast(z)
  return ops.add(max, ops.log(ops.sumOver(ops.exp(ops.sub(z, max)), [1], true)))
}

/** h [N, I], wT [I, V], targets [N] → log-probabilities [N] and entropies [N]. */
export function logProbs(ops: Composed, h: Handle, wT: Handle, targets: Handle, options: LogitOptions) {
  const [N = 0] = h.shape
  const V = wT.shape[1] ?? 0
  const parts = { logprobs: new Array<Handle>(), entropy: new Array<Handle>() }
  for (let start = 0; start < N; start += options.chunk) {
    const n = Math.min(options.chunk, N - start)
    const part = ops.device.ledger.scope(() => {
      const { z } = logits(ops, ops.slice(h, 0, start, n), wT, options)
      const logp = ops.sub(z, logSumExp(ops, z))
      const hot = ops.oneHot(ops.slice(targets, 0, start, n), V)
      return {
        logprobs: ops.sumOver(ops.mul(hot, logp), [1], false),
        entropy: ops.scale(ops.sumOver(ops.mul(ops.exp(logp), logp), [1], false), -1),
      }
    })
    parts.logprobs.push(part.logprobs)
    parts.entropy.push(part.entropy)
  }
  if (N === 0) return { logprobs: ops.filled([0], 0), entropy: ops.filled([0], 0) }
  return { logprobs: ops.concat(parts.logprobs, 0), entropy: ops.concat(parts.entropy, 0) }
}

/** dz = dy·(1[target] − softmax z); dh = dz·w, dwᵀ = hᵀ·dz. */
export function logProbsGrad(
  ops: Composed,
  h: Handle,
  w: Handle,
  targets: Handle,
  dy: Handle,
  wantW: boolean,
  options: LogitOptions,
): { readonly h: Handle; readonly w: Handle | undefined } {
  const [N = 0] = h.shape
  const [V = 0] = w.shape
  const wT = w.transposed ?? ops.swap(w)
  const dhs: Array<Handle> = []
  let dwT: Handle | undefined
  for (let start = 0; start < N; start += options.chunk) {
    const n = Math.min(options.chunk, N - start)
    const before = dwT
    const part = ops.device.ledger.scope(() => {
      const rows = ops.slice(h, 0, start, n)
      const { z, cap } = logits(ops, rows, wT, options)
      const hot = ops.oneHot(ops.slice(targets, 0, start, n), V)
      const weight = ops.scale(ops.reshape(ops.slice(dy, 0, start, n), [n, 1]), 1 / options.temperature)
      let dz = ops.mul(ops.sub(hot, ops.softmax(z)), weight)
      if (cap !== undefined) dz = ops.mul(dz, ops.sub(ops.scalar(1), ops.square(cap)))
      const dw = wantW ? ops.matMul(ops.swap(rows), dz) : undefined
      return {
        dh: ops.matMul(dz, w),
        dwT: dw === undefined ? undefined : before === undefined ? dw : ops.add(before, dw),
      }
    })
    if (before !== undefined) ops.device.ledger.free(before)
    dwT = part.dwT
    dhs.push(part.dh)
  }
  if (N === 0) return { h: ops.filled(h.shape, 0), w: wantW ? ops.filled(w.shape, 0) : undefined }
  return { h: ops.concat(dhs, 0), w: dwT === undefined ? undefined : ops.swap(dwT) }
}
