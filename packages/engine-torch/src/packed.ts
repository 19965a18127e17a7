/**
 * Weights in oneDNN's own layout, for products in which nothing is wanted but their result. MKL lays a weight out anew in each product, which for few rows
 * is most of its time; one that is laid out once is read at twice the speed (torch 2.13 on two AVX2 cores: 0.75 ms for 1.3 ms at 8 rows of
 * a 3072 × 1024 weight, 37 ms for 84 ms at 151936 × 1024), and a row's bits are the same beside any number of rows. Whether they are
 * is measured once, for libraries and processors on which nobody has looked.
 */
import { misuse } from "@hmx/lm"
import type { Handle } from "./Ledger.ts"
import { bytesOf, widths } from "./Ledger.ts"
import { slot } from "./Natives.ts"
import type { Ops } from "./Ops.ts"

/** Rows that the layout is chosen for; the one for a single row computes it with other bits. */
const ROWS = 8
/** Elements of a weight below which the layout gains nothing. */
const LEAST = 1 << 14
const PAGE = 4096
const DONTNEED = 4

const measured = new WeakMap<Ops, boolean>()

/** Weights [O, I] one under another; undefined where there is nothing to gain. The pages of a file's are given back to the system, which has them when they are read again. */
export function packed(ops: Ops, ws: ReadonlyArray<Handle>): Handle | undefined {
  let size = 0
  for (const w of ws) {
    if (w.dtype !== "f32") return undefined
    size += w.size
  }
  if (size < LEAST || !same(ops)) return undefined
  return ops.ledger.scope(() => {
    const [only] = ws
    const made = pack(ops, ws.length === 1 && only !== undefined ? only : ops.cat(ws, 0))
    for (const w of ws) giveBack(ops, w)
    return made
  })
}

function pack({ dispatcher, ledger, o }: Ops, w: Handle): Handle {
  const bytes = bytesOf(w.shape, "f32")
  ledger.admit(bytes)
  return ledger.share({ bytes, users: 0, packed: true }, dispatcher.one(o.pack, w.native, ROWS), w.shape, "f32")
}

/** `linear` takes a packed weight, and beside it a packed adapter whose scale is in b; nothing else. */
export function checkPacked(
  x: Handle,
  w: Handle,
  lora: { readonly a: Handle; readonly b: Handle; readonly scale: number } | undefined,
): void {
  if (x.storage.packed === true) misuse("linear", "a packed weight is no x")
  if (lora === undefined) return
  const [a, b] = [lora.a.storage.packed === true, lora.b.storage.packed === true]
  if (a || b) {
    if (w.storage.packed !== true) misuse("linear", "a packed adapter is for a packed weight")
    if (!a || !b || lora.scale !== 1) misuse("linear", "an adapter is packed whole, with its scale in b, or not at all")
  }
}

/** x [N, I], contiguous, · w [O, I]ᵀ (+ bias), or the product added to `onto` [N, O]. No tape sees it. */
export function packedLinear({ dispatcher, ledger }: Ops, x: Handle, w: Handle, bias?: Handle, onto?: Handle): Handle {
  const { oneDnn } = dispatcher.natives
  if (oneDnn === undefined) throw new Error("a weight is packed where oneDNN is")
  const shape = [x.shape[0] ?? 0, w.shape[0] ?? 0]
  ledger.admit(bytesOf(shape, "f32"))
  const result = dispatcher.at(slot.result)
  if (bias !== undefined) dispatcher.setInteger(0, bias.native)
  const added = bias === undefined ? 0 : dispatcher.at(0)
  dispatcher.check(
    onto === undefined
      ? oneDnn.linear(x.native, w.native, added, oneDnn.none, 0, 0, 0, result)
      : oneDnn.linearAdd(x.native, onto.native, w.native, added, oneDnn.add, result),
  )
  const y = ledger.enter(dispatcher.pointer(slot.result), shape, "f32")
  y.contiguous = true
  return y
}

/** Gives the pages of a file's weight back to the system, which has them when they are read again; does nothing for others. */
export function giveBack({ dispatcher }: Ops, w: Handle): void {
  if (w.storage.mapped !== true) return
  const { madvise } = dispatcher.natives
  const { at, bytes } = dispatcher.storage(w.native, widths[w.dtype])
  const first = Math.ceil(at / PAGE) * PAGE
  madvise?.(first, at + bytes - first, DONTNEED)
}

const numbers = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i + n))

const same = (ops: Ops): boolean => {
  if (!ops.onHost || ops.dispatcher.natives.oneDnn === undefined) return false
  const known = measured.get(ops)
  if (known !== undefined) return known
  let found = true
  for (const [out, input] of [
    [16, 96],
    [48, 96],
    [264, 80],
    [96, 16],
    [96, 1032],
  ] as const)
    ops.ledger.scope(() => {
      const all = ops.upload(numbers(96 * input), [96, input], "f32")
      const w = pack(ops, ops.upload(numbers(out * input), [out, input], "f32"))
      const expected = ops.read(packedLinear(ops, all, w))
      for (const rows of [1, 2, 3, 5, 8, 9, 16, 31, 48]) {
        const y = ops.read(packedLinear(ops, ops.narrow(all, 0, 0, rows), w))
        found &&= y.every((value, i) => value === expected[i])
      }
    })
  measured.set(ops, found)
  return found
}
