/** The layers of a decoder out of torch's operators. Activations are f32; weights may be stored as bf16 or f16. */
import type { DType } from "@hmx/lm"
import { evenElements, evenRows } from "./even.ts"
import { isFew, onOneThread, weightFirst } from "./fewRows.ts"
import type { Handle } from "./Ledger.ts"
import type { Ops } from "./Ops.ts"
import { packedLinear } from "./packed.ts"

export interface Lora {
  readonly a: Handle
  readonly b: Handle
  readonly scale: number
}

/** What products with weights of a narrow type are computed in: that type, where the machine is fast at it, else f32. */
export type ComputeOf = (stored: "bf16" | "f16") => DType

/**
 * Numbers that are widened at one time when no gradient is wanted, 16 MiB: what is read at once stays in a cache of that size, and the head's
 * f32 copy is never whole. (A 3072 × 1024 weight takes 1.04 to 1.08 of f32's time at 16 to 64 rows, 1.4 at one; 4 MiB at one time take 2.)
 */
const WIDENED = 1 << 22

/** Multiplications of a product that takes as long as waking another thread: about 50 µs. */
const TINY = 1 << 21

/** The product in f32 with a narrow weight, widened as it is used. */
function widening(ops: Ops, x: Handle, w: Handle, few: boolean): Handle {
  const [O = 0, I = 0] = w.shape
  const plain = (part: Handle) => (few ? weightFirst(ops, x, part) : ops.linear(x, part))
  const rows = Math.max(16, Math.floor(WIDENED / Math.max(1, I) / 16) * 16)
  if (O <= rows) return plain(ops.cast(w, "f32"))
  const parts: Array<Handle> = []
  for (let start = 0; start < O; start += rows)
    parts.push(ops.ledger.scope(() => plain(ops.cast(ops.narrow(w, 0, start, Math.min(rows, O - start)), "f32"))))
  return ops.cat(parts, 1)
}

/** x [N, I] · w [O, I]ᵀ in f32, whatever w is stored as. */
export function product(ops: Ops, x: Handle, w: Handle, compute: ComputeOf, bias?: Handle): Handle {
  const few = bias === undefined && isFew(ops, x.shape[0] ?? 0, w.size) && !ops.tracks(x, w)
  if (w.dtype === "f32" || w.dtype === "i32") return few ? weightFirst(ops, x, w) : ops.linear(x, w, bias)
  if (compute(w.dtype) === w.dtype)
    return ops.cast(
      ops.linear(ops.cast(x, w.dtype), w, bias === undefined ? undefined : ops.cast(bias, w.dtype)),
      "f32",
    )
  // Torch's graph would keep the widened copy of every weight; ours widens it again for the backward pass.
  const saved = [w, ...(ops.tracks(w) ? [x] : [])]
  const [y] = ops.custom(
    [x, w],
    () => saved,
    1,
    () => [widening(ops, x, w, few)] as const,
    ([dy], [stored, rows], wanted) => {
      if (dy === undefined || stored === undefined) return []
      return [
        wanted[0] === true ? ops.mm(dy, ops.cast(stored, "f32")) : undefined,
        wanted[1] === true && rows !== undefined ? ops.mm(ops.permute(dy, [1, 0]), rows) : undefined,
      ]
    },
  )
  return bias === undefined ? y : ops.subtract(y, ops.cast(bias, "f32"), -1, y.shape)
}

/** A product with bias, and beside it LoRA: + scale · (x aᵀ) bᵀ. */
export function linear(
  ops: Ops,
  x: Handle,
  w: Handle,
  compute: ComputeOf,
  bias: Handle | undefined,
  lora: Lora | undefined,
): Handle {
  if (w.storage.packed === true) return alone(ops, x, w, bias, lora)
  return evenRows(ops, x, w.size, (rows) => {
    const run = () => together(ops, rows, w, compute, bias, lora)
    const tiny = ops.onHost && (rows.shape[0] ?? 0) * w.size <= TINY && !ops.tracks(rows, w)
    return tiny ? onOneThread(ops, run) : run()
  })
}

/** With a packed weight, for which rows need no company. */
function alone(ops: Ops, x: Handle, w: Handle, bias: Handle | undefined, lora: Lora | undefined): Handle {
  if (x.size === 0) return ops.filled([x.shape[0] ?? 0, w.shape[0] ?? 0], 0)
  const rows = x.contiguous ? x : ops.clone(x)
  const y = packedLinear(ops, rows, w, bias && ops.cast(bias, "f32"))
  if (lora === undefined) return y
  const { a, b, scale } = lora
  if (a.storage.packed === true) return packedLinear(ops, packedLinear(ops, rows, a), b, undefined, y)
  const beside = evenRows(ops, rows, Infinity, (even) => {
    const both = () => ops.linear(ops.linear(even, ops.cast(a, "f32")), ops.cast(b, "f32"))
    return isFew(ops, even.shape[0] ?? 0) ? onOneThread(ops, both) : both()
  })
  return ops.subtract(y, beside, -scale, y.shape)
}

function together(
  ops: Ops,
  x: Handle,
  w: Handle,
  compute: ComputeOf,
  bias: Handle | undefined,
  lora: Lora | undefined,
): Handle {
  const y = product(ops, x, w, compute, bias?.dtype === w.dtype ? bias : bias && ops.cast(bias, w.dtype))
  if (lora === undefined) return y
  const { a, b, scale } = lora
  const beside = () => ops.linear(ops.linear(x, ops.cast(a, "f32")), ops.cast(b, "f32"))
  const few = !ops.tracks(x, a, b) && isFew(ops, x.shape[0] ?? 0)
  return ops.subtract(y, few ? onOneThread(ops, beside) : beside(), -scale, y.shape)
}

export function rmsNorm(ops: Ops, x: Handle, w: Handle, eps: number): Handle {
  const width = x.shape.at(-1) ?? 1
  const rows = width === 0 ? 0 : x.size / width
  const weight = ops.cast(w, "f32")
  // On the host it is composed, and its derivative for the weight keeps the normalised rows.
  const normalised = ops.onHost && ops.tracks(w) ? x.size : 0
  return ops.rmsNorm(x, weight, eps, 4 * (rows + normalised))
}

/** Halves (a, b) of each head become (a·cos − b·sin, b·cos + a·sin): x · (cos, cos) + (b, a) · (−sin, sin). */
export function rotary(ops: Ops, x: Handle, cos: Handle, sin: Handle): Handle {
  const half = (x.shape[2] ?? 0) / 2
  const [both, signed] = wide(ops, cos, sin)
  const turned = ops.run(ops.o.roll, { shape: x.shape }, x, [half], [2])
  return ops.subtract(ops.mul(x, both, x.shape), ops.mul(turned, signed, x.shape), -1, x.shape)
}

/** (cos, cos) and (−sin, sin), [N, 1, D] each: made once for all layers, unless a gradient flows through them. */
function wide(ops: Ops, cos: Handle, sin: Handle): readonly [Handle, Handle] {
  if (cos.beside?.other === sin) return cos.beside.made
  const [n = 0, half = 0] = cos.shape
  const row = (left: Handle, right: Handle) => ops.reshape(ops.cat([left, right], 1), [n, 1, 2 * half])
  const [both, signed] = [row(cos, cos), row(ops.scale(sin, -1), sin)]
  if (cos.beside === undefined && !ops.tracks(cos, sin)) {
    for (const t of [both, signed]) ops.ledger.keep(t)
    cos.beside = { other: sin, made: [both, signed] }
  }
  return [both, signed]
}

export function gatedMlp(ops: Ops, gate: Handle, up: Handle, activation: "silu" | "gelu_tanh"): Handle {
  const active = evenElements(ops, gate, (g) => {
    const made = { shape: g.shape, saved: [g] }
    return activation === "silu" ? ops.run(ops.o.silu, made, g) : ops.run(ops.o.gelu, made, g, "tanh")
  })
  return ops.mul(active, up, gate.shape)
}
