/** What a draw needs to know of logits, block by block, in f64 on the device: few numbers reach the host. */
import type { ExpSums } from "@hmx/lm"
import type { Argument, Operator } from "./Dispatcher.ts"
import type { Handle } from "./Ledger.ts"
import type { Pointer } from "./Natives.ts"
import type { Ops } from "./Ops.ts"

/**
 * Logits that are widened at one time: on a processor about a row, which its caches hold (32 rows of 151936 take 20 ms for 53 ms at 4 Mi); a GPU
 * wants few calls, and 32 MiB.
 */
const AT_ONCE = { host: 160 * 1024, device: 4 * 1024 * 1024 }
/** Bytes of what `blockSums` makes, in f64 as a rule: for each logit, and for each block. */
const WIDE = { plain: 16, tempered: 28, block: 48 }
/** Elements of a whole step of the elementwise loops (see `even.ts`). */
const STEP = 32

/** logits [R, V]; see `Engine.expSums`. */
export function expSums(ops: Ops, logits: Handle, temperature: number, asked: number): ExpSums {
  const [R = 0, V = 0] = logits.shape
  // Every thread's share is whole steps, so that a row's sums do not depend on the rows beside it.
  const step = ops.onHost ? STEP * ops.threads : 1
  // A row that is one block needs no more.
  const block = asked < V ? asked : Math.ceil(V / step) * step
  let unit = block
  while (unit % step !== 0) unit += block
  const columns = Math.ceil(V / unit) * unit
  const blocks = Math.ceil(V / block)
  const out = {
    max: new Float64Array(R * blocks),
    sums: new Float64Array(R * blocks),
    totals: new Float64Array(R),
  }
  const rows = Math.max(1, Math.floor((ops.onHost ? AT_ONCE.host : AT_ONCE.device) / columns))
  for (let start = 0; start < R; start += rows) {
    const n = Math.min(rows, R - start)
    ops.ledger.scope(() => {
      const part = ops.narrow(logits, 0, start, n)
      const x = columns === V ? part : ops.cat([part, ops.filled([n, columns - V], -Infinity)], 1)
      const shape = [n, columns / block, block] as const
      const bytes = n * (columns * (temperature === 1 ? WIDE.plain : WIDE.tempered) + shape[1] * WIDE.block)
      const found = ops.ledger.during(bytes, () => blockSums(ops, x, temperature, shape))
      for (let r = 0; r < n; r++) {
        const from = r * (columns / block)
        const to = (start + r) * blocks
        out.max.set(found.max.subarray(from, from + blocks), to)
        out.sums.set(found.sums.subarray(from, from + blocks), to)
        let total = 0
        for (let b = 0; b < blocks; b++) total += found.plain[from + b] ?? Number.NaN
        out.totals[start + r] = total
      }
    })
  }
  return out
}

function blockSums(ops: Ops, x: Handle, temperature: number, shape: readonly [number, number, number]) {
  const { dispatcher, o } = ops
  const { natives } = dispatcher
  const [n, blocks] = shape
  const made: Array<Pointer> = []
  const run = (op: Operator, ...args: ReadonlyArray<Argument>): Pointer => {
    const t = dispatcher.one(op, ...args)
    made.push(t)
    return t
  }
  const to = (t: Pointer, dtype: number) => run(o.to, t, dtype, false, false, undefined)
  const wide = (t: Pointer) => to(t, natives.f64)
  const number = (value: number): Pointer => {
    const t = dispatcher.empty([], natives.f64, { type: natives.deviceTypes.cpu, index: 0 })
    made.push(t)
    natives.copyIn(dispatcher.data(t), new Float64Array([value]), 8)
    return t
  }
  const read = (t: Pointer): Float64Array => {
    const values = new Float64Array(n * blocks)
    const host = dispatcher.empty([n, blocks], natives.f64, { type: natives.deviceTypes.cpu, index: 0 })
    made.push(host)
    dispatcher.delete(dispatcher.one(o.copyInto, host, t, false))
    natives.copyOut(values, dispatcher.data(host), values.byteLength)
    return values
  }
  /** Writes into a tensor made here: a fresh one's memory would not be in the cache. */
  const into = (op: Operator, t: Pointer, ...args: ReadonlyArray<Argument>): Pointer => {
    dispatcher.delete(dispatcher.one(op, t, ...args))
    return t
  }
  /** Σ exp over each block, in place of the exponents. */
  const sums = (exponents: Pointer): Pointer =>
    run(o.sumDim, run(o.reshape, into(o.expInto, exponents), shape), [2], false, undefined)
  const minus = (a: Pointer, b: Pointer): Pointer => {
    const t = dispatcher.subtract(a, b, 1)
    made.push(t)
    return t
  }
  try {
    const max = run(o.amax, run(o.reshape, x.native, shape), [2], false)
    const rowMax = wide(run(o.amax, max, [1], true))
    const x64 = wide(x.native)
    const centred = minus(x64, rowMax)
    if (temperature === 1) {
      const found = read(sums(centred))
      return { max: read(wide(max)), sums: found, plain: found }
    }
    const by = number(temperature)
    const plain = sums(into(o.mulInto, centred, number(1 / temperature)))
    // As the host's processor does it: divided in f64, kept as f32.
    const divided = (t: Pointer) => into(o.copyInto, t, to(into(o.divInto, t, by), natives.dtypes.f32), false)
    const scores = sums(minus(divided(x64), divided(rowMax)))
    return { max: read(wide(max)), sums: read(scores), plain: read(plain) }
  } finally {
    for (const t of made) dispatcher.delete(t)
  }
}
