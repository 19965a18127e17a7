/**
 * A row's result must not depend on the rows beside it: a request's answer is its own. On the host torch's kernels break that at
 * the end of the run of rows or elements that a thread is given, where what is left is too little for the vector code and is computed
 * in another order, or with another exponential. So small inputs are made longer. Training goes without: there no row is computed beside
 * different ones. (Measured with torch 2.13 on one and two threads, at widths from 24 to 3072.)
 */
import { FEW, isFew, onOneThread } from "./fewRows.ts"
import type { Handle } from "./Ledger.ts"
import type { Ops } from "./Ops.ts"

/** Rows of MKL's inner kernel. */
const ROWS = 4
/** Elements of an unrolled step of torch's elementwise loops, with the widest registers. */
const ELEMENTS = 32

const asIs = (ops: Ops, x: Handle): boolean => x.size === 0 || !ops.onHost || ops.tracks(x)

/** Runs a product with a weight of so many elements on a multiple of four rows, or of `FEW`; of many rows, every thread has enough anyway. */
export function evenRows(ops: Ops, x: Handle, elements: number, run: (x: Handle) => Handle): Handle {
  const [n = 0, width = 0] = x.shape
  if (asIs(ops, x)) return run(x)
  if (isFew(ops, n, elements)) {
    if (n % FEW === 0) return run(x)
    return ops.narrow(run(ops.cat([x, ops.filled([FEW - (n % FEW), width], 0)], 0)), 0, 0, n)
  }
  if (n % ROWS === 0 || n >= ROWS * ops.threads ** 2) return run(x)
  const missing = ROWS - (n % ROWS)
  // One or two rows are fewer than are missing, and divide them.
  const more = n < missing ? Array.from({ length: missing / n }, () => x) : [ops.narrow(x, 0, 0, missing)]
  return ops.narrow(run(ops.cat([x, ...more], 0)), 0, 0, n)
}

/** Runs an elementwise function on so many elements, without gaps (else each row would be a run), that every thread's share is whole steps. */
export function evenElements(ops: Ops, x: Handle, run: (x: Handle) => Handle): Handle {
  const step = ELEMENTS * ops.threads
  if (asIs(ops, x)) return run(x)
  // Rows of whole steps may have gaps between them: each is a run.
  if (x.size % step === 0) return run(x.contiguous || (x.shape.at(-1) ?? 0) % ELEMENTS === 0 ? x : ops.clone(x))
  const flat = ops.reshape(x, [x.size])
  const longer = ops.cat([flat, ops.filled([step - (x.size % step)], 0)], 0)
  return ops.reshape(ops.narrow(run(longer), 0, 0, x.size), x.shape)
}

/** Keys that torch's fused attention takes at one time. */
const BLOCK = 512
/** Floats that 16 bytes hold. */
const LANES = 4

/**
 * How many keys attention of one query a row is to be given, of which `together` share a key head. Each thread's scratch memory begins behind that of the one
 * before, and where that is no multiple of 16 bytes MKL adds in another order: a row's bits would be those of the thread that computes it. It
 * holds scores, a maximum, a sum and a result of each query. With some more keys it is one; where it is none beyond a block, one thread computes all.
 */
export function evenKeys<A>(
  ops: Ops,
  { keys, queries, size, together }: { readonly [K in "keys" | "queries" | "size" | "together"]: number },
  run: (to: number) => A,
): A {
  if (!ops.onHost || ops.threads === 1 || queries !== 1 || keys === 0 || ops.tape !== undefined) return run(keys)
  const even = (to: number) => (together * (Math.min(to, BLOCK) + 2 + size)) % LANES === 0
  let to = keys
  while (to < keys + LANES && !even(to)) to++
  return even(to) && (to <= BLOCK || to === keys) ? run(to) : onOneThread(ops, () => run(keys))
}
