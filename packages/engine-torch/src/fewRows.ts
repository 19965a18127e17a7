/**
 * Products of few rows, as when tokens are decoded. With the weight as the left factor, w · xᵀ, MKL needs about two thirds of the time of x · wᵀ from
 * 2 to 64 rows (torch 2.13 on two AVX2 cores: 1.3 ms for 1.8 ms at 16 rows of a 3072 × 1024 weight, 65 ms for 127 ms at 151936 × 1024), and gives the
 * same bits from 12 rows on. Whether it does is measured once, for libraries and processors on which nobody has looked.
 */
import type { Handle } from "./Ledger.ts"
import type { Ops } from "./Ops.ts"

/** Rows are filled up to a multiple of this. */
export const FEW = 16
/** Above, turning the result costs what the product saves. */
const MOST = 64

const measured = new WeakMap<Ops, boolean>()

/** Elements of a weight below which turning the result costs what the product saves, whatever the rows. */
const LEAST = 1 << 18

/** Whether so many rows, none of which carries a gradient, are computed with the weight (of so many elements) on the left. */
export const isFew = (ops: Ops, rows: number, elements = Infinity): boolean =>
  elements >= LEAST && rows <= MOST && rows > 0 && ops.onHost && same(ops)

/** x [N, I] · w [O, I]ᵀ of N rows, a multiple of `FEW`. */
export const weightFirst = (ops: Ops, x: Handle, w: Handle): Handle =>
  ops.ledger.scope(() => ops.clone(ops.permute(ops.mm(w, ops.permute(x, [1, 0])), [1, 0])))

/** Runs tiny products on this thread alone: to share them costs more than they do, the more so where other programs want the cores. */
export const onOneThread = <A>(ops: Ops, run: () => A): A => {
  if (ops.threads === 1) return run()
  const { setThreads } = ops.dispatcher.natives
  setThreads(1)
  try {
    return run()
  } finally {
    setThreads(ops.threads)
  }
}

const numbers = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i + n))

const same = (ops: Ops): boolean => {
  const known = measured.get(ops)
  if (known !== undefined) return known
  // Its own products are not to ask again.
  measured.set(ops, false)
  try {
    const found = probe(ops)
    measured.set(ops, found)
    return found
  } catch (error) {
    // No room, as a rule: the next one asks again.
    measured.delete(ops)
    throw error
  }
}

const probe = (ops: Ops): boolean => {
  let found = true
  for (const [out, input] of [
    [48, 96],
    [264, 80],
    [96, 1032],
  ] as const)
    ops.ledger.scope(() => {
      const x = ops.upload(numbers(80 * input), [80, input], "f32")
      const w = ops.upload(numbers(out * input), [out, input], "f32")
      const expected = ops.read(ops.linear(x, w))
      for (const rows of [FEW, 2 * FEW, 3 * FEW, MOST]) {
        const y = ops.read(weightFirst(ops, ops.narrow(x, 0, 0, rows), w))
        found &&= y.every((value, i) => value === expected[i])
      }
    })
  return found
}
