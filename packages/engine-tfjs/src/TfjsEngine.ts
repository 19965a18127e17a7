/**
 * `Engine` on a tfjs backend. Each operation checks its arguments, computes, and records its pullback while a `vjp` runs.
 */
import type { AdamWOptions, AdamWState, AttentionOptions, Engine, LogProbsOptions, LoraWeights, Tensor } from "@hmx/lm"
import { checkSize, engineArguments, sizeOf } from "@hmx/lm"
import type { Shape } from "./Attention.ts"
import { EngineCore } from "./EngineCore.ts"
import type { Handle } from "./Ledger.ts"

/** Logits that exist at one time when the caller does not say: 16 MiB. */
const LOGITS_AT_ONCE = 4 * 1024 * 1024

export class TfjsEngine extends EngineCore implements Engine {
  // --- shape ---

  reshape(x: Tensor, shape: ReadonlyArray<number>): Tensor {
    const a = this.own(x, "reshape")
    const sizes = checkSize(shape, a.size, "reshape")
    const before = a.shape
    return this.one("reshape", [a], this.ops.reshape(a, sizes), [], ([dy]) => [dy && this.ops.reshape(dy, before)])
  }
  transpose(x: Tensor, axes: ReadonlyArray<number>): Tensor {
    const a = this.own(x, "transpose")
    // The way back asks for them when the caller's array may have changed.
    const perm = [...axes]
    engineArguments.transpose(a, perm)
    const shape = perm.map((p) => a.shape[p] ?? 0)
    const ops = this.ops
    const permute = (t: Handle, by: ReadonlyArray<number>, to: ReadonlyArray<number>) =>
      t.size === 0 ? ops.reshape(t, to) : ops.transpose(t, by)
    return this.one("transpose", [a], permute(a, perm, shape), [], ([dy]) => [
      dy &&
        permute(
          dy,
          a.shape.map((_, i) => perm.indexOf(i)),
          a.shape,
        ),
    ])
  }
  slice(x: Tensor, axis: number, start: number, length: number): Tensor {
    const a = this.own(x, "slice")
    engineArguments.slice(a, axis, start, length)
    const size = a.shape[axis] ?? 0
    const ops = this.ops
    return this.one("slice", [a], ops.slice(a, axis, start, length), [], ([dy]) => {
      if (dy === undefined) return [undefined]
      const zeros = (n: number) =>
        ops.filled(
          a.shape.map((d, i) => (i === axis ? n : d)),
          0,
        )
      const parts = [zeros(start), dy, zeros(size - start - length)].filter((t) => t.size > 0)
      return [parts.length === 0 ? ops.filled(a.shape, 0) : ops.concat(parts, axis)]
    })
  }
  concat(xs: ReadonlyArray<Tensor>, axis: number): Tensor {
    const parts = xs.map((x) => this.own(x, "concat"))
    const shape = engineArguments.concat(parts, axis)
    const ops = this.ops
    const sizes = parts.map((p) => p.shape[axis] ?? 0)
    const y = sizeOf(shape) === 0 ? this.empty(shape, parts[0]?.dtype ?? "f32") : ops.concat(parts, axis)
    return this.one("concat", parts, y, [], ([dy], _, wanted) => {
      let start = 0
      return sizes.map((size, i) => {
        start += size
        return dy && wanted[i] === true ? ops.slice(dy, axis, start - size, size) : undefined
      })
    })
  }
  gather(x: Tensor, ids: Tensor): Tensor {
    const table = this.own(x, "gather")
    const at = this.own(ids, "gather", "i32")
    engineArguments.gather(table, at)
    const [rows = 0, ...rest] = table.shape
    engineArguments.within(this.device.peek(at, "gather"), rows, "gather", "id")
    const ops = this.ops
    const shape = [at.size, ...rest]
    const y =
      sizeOf(shape) === 0
        ? this.empty(shape, table.dtype)
        : this.ledger.scope(() => ops.reshape(ops.rows(table, at), shape))
    return this.one("gather", [table], y, [at], ([dy], [saved]) => [
      dy && saved && ops.reshape(ops.scatterAdd(ops.reshape(dy, [at.size, sizeOf(rest)]), saved, rows), table.shape),
    ])
  }

  // --- arithmetic ---

  add(a: Tensor, b: Tensor): Tensor {
    const [x, y] = this.pair(a, b, "add")
    const ops = this.ops
    return this.one("add", [x, y], ops.add(x, y), [], ([dy]) => [
      dy && ops.unbroadcast(dy, x.shape),
      dy && ops.unbroadcast(dy, y.shape),
    ])
  }
  sub(a: Tensor, b: Tensor): Tensor {
    const [x, y] = this.pair(a, b, "sub")
    const ops = this.ops
    return this.one("sub", [x, y], ops.sub(x, y), [], ([dy], _, wanted) => [
      dy && ops.unbroadcast(dy, x.shape),
      dy && wanted[1] === true ? ops.scale(ops.unbroadcast(dy, y.shape), -1) : undefined,
    ])
  }
  mul(a: Tensor, b: Tensor): Tensor {
    const [x, y] = this.pair(a, b, "mul")
    const ops = this.ops
    return this.one("mul", [x, y], ops.mul(x, y), [x, y], ([dy], [xs, ys], wanted) => [
      dy && ys && wanted[0] === true ? ops.unbroadcast(ops.mul(dy, ys), x.shape) : undefined,
      dy && xs && wanted[1] === true ? ops.unbroadcast(ops.mul(dy, xs), y.shape) : undefined,
    ])
  }
  scale(x: Tensor, factor: number): Tensor {
    const a = this.own(x, "scale", "f32")
    return this.one("scale", [a], this.ops.scale(a, factor), [], ([dy]) => [dy && this.ops.scale(dy, factor)])
  }
  sum(x: Tensor): Tensor {
    const a = this.own(x, "sum", "f32")
    const ops = this.ops
    const y = ops.sumOver(a, [...a.shape.keys()], false)
    return this.one("sum", [a], y, [], ([dy]) => [dy && ops.broadcastTo(dy, a.shape)])
  }

  // --- layers ---

  linear(
    x: Tensor,
    w: Tensor,
    options: { readonly bias?: Tensor | undefined; readonly lora?: LoraWeights | undefined } = {},
  ): Tensor {
    const at = "linear"
    const rows = this.own(x, at, "f32")
    const weight = this.own(w, at, "f32")
    const bias = options.bias === undefined ? undefined : this.own(options.bias, at, "f32")
    const lora = options.lora && {
      a: this.own(options.lora.a, at, "f32"),
      b: this.own(options.lora.b, at, "f32"),
      scale: options.lora.scale,
    }
    engineArguments.linear(rows, weight, bias, lora)
    const ops = this.ops
    const { y, low } = this.ledger.scope(() => ops.linear(rows, weight, bias, lora))
    const inputs = [
      rows,
      weight,
      ...(bias === undefined ? [] : [bias]),
      ...(lora === undefined ? [] : [lora.a, lora.b]),
    ]
    const saved = [rows, weight, ...(lora === undefined || low === undefined ? [] : [lora.a, lora.b, low])]
    const result = this.one(at, inputs, y, saved, ([dy], [xs, ws, a, b, lows], wanted) => {
      if (dy === undefined || xs === undefined || ws === undefined) return []
      const adapter = a && b && lows && lora ? { a, b, low: lows, scale: lora.scale } : undefined
      const g = ops.linearGrad(xs, ws, adapter, dy, { x: wanted[0] === true, w: wanted[1] === true })
      const dBias = bias === undefined ? [] : [ops.sumOver(dy, [0], false)]
      return [g.x, g.w, ...dBias, g.a, g.b]
    })
    if (low !== undefined) this.ledger.free(low)
    return result
  }
  rmsNorm(x: Tensor, w: Tensor, eps: number): Tensor {
    const at = "rmsNorm"
    const a = this.own(x, at, "f32")
    const weight = this.own(w, at, "f32")
    engineArguments.rmsNorm(a, weight)
    const ops = this.ops
    const y = this.ledger.scope(() => (a.size === 0 ? this.empty(a.shape, "f32") : ops.rmsNorm(a, weight, eps)))
    return this.one(at, [a, weight], y, [a, weight], ([dy], [xs, ws]) => {
      if (dy === undefined || xs === undefined || ws === undefined) return []
      if (xs.size === 0) return [ops.filled(xs.shape, 0), ops.filled(ws.shape, 0)]
      const g = ops.rmsNormGrad(xs, ws, eps, dy)
      return [g.x, g.w]
    })
  }
  rotary(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
    const at = "rotary"
    const a = this.own(x, at, "f32")
    const c = this.own(cos, at, "f32")
    const s = this.own(sin, at, "f32")
    engineArguments.rotary(a, c, s)
    const ops = this.ops
    const turn = (t: Handle, cs: Handle, sn: Handle, back: boolean) =>
      this.ledger.scope(() => (t.size === 0 ? this.empty(t.shape, "f32") : ops.rotary(t, cs, sn, back)))
    return this.one(at, [a], turn(a, c, s, false), [c, s], ([dy], [cs, sn]) => [
      dy && cs && sn && turn(dy, cs, sn, true),
    ])
  }
  attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
    const at = "attention"
    const qs = this.own(q, at, "f32")
    const ks = this.own(k, at, "f32")
    const vs = this.own(v, at, "f32")
    const bias = this.own(options.bias, at, "f32")
    const shape = engineArguments.attention(qs, ks, vs, options)
    if (ks.shape[1] !== shape.Tk) return this.ledger.scope(() => this.#attendSome(qs, ks, vs, options, shape))
    const scores = { scale: options.scale, softcap: options.softcap }
    const ops = this.ops
    if (qs.size === 0 || ks.size === 0) {
      return this.one(at, [qs, ks, vs], ops.filled(qs.shape, 0), [], () => [
        ops.filled(qs.shape, 0),
        ops.filled(ks.shape, 0),
        ops.filled(vs.shape, 0),
      ])
    }
    const { y, p, cap } = this.ledger.scope(() =>
      ops.attention(qs, ks, vs, bias, shape, scores, this.tape !== undefined),
    )
    if (p === undefined) return y
    const saved = [qs, ks, vs, y, p, ...(cap === undefined ? [] : [cap])]
    const result = this.one(at, [qs, ks, vs], y, saved, ([dy], [q1, k1, v1, y1, p1, cap1]) => {
      if (!dy || !q1 || !k1 || !v1 || !y1 || !p1) return []
      const g = ops.attentionGrad({ q: q1, k: k1, v: v1, y: y1, p: p1, cap: cap1 }, dy, shape, scores)
      return [g.q, g.k, g.v]
    })
    this.ledger.free(p)
    if (cap !== undefined) this.ledger.free(cap)
    return result
  }
  /** Attention to the first columns of a cache: in place where loops do it, else to copies of them. */
  #attendSome(q: Handle, k: Handle, v: Handle, options: AttentionOptions, shape: Shape): Tensor {
    const bias = this.own(options.bias, "attention", "f32")
    const y =
      this.tape === undefined
        ? this.ops.attendCache(q, k, v, bias, shape, { scale: options.scale, softcap: options.softcap })
        : undefined
    if (y !== undefined) return y
    const { keys: _keys, ...rest } = options
    return this.attention(q, this.slice(k, 1, 0, shape.Tk), this.slice(v, 1, 0, shape.Tk), rest)
  }
  gatedMlp(gate: Tensor, up: Tensor, activation: "silu" | "gelu_tanh"): Tensor {
    const at = "gatedMlp"
    const g = this.own(gate, at, "f32")
    const u = this.own(up, at, "f32")
    engineArguments.gatedMlp(g, u)
    const ops = this.ops
    const y = this.ledger.scope(() => ops.gatedMlp(g, u, activation))
    return this.one(at, [g, u], y, [g, u], ([dy], [gs, us]) => {
      if (!dy || !gs || !us) return []
      const d = ops.gatedMlpGrad(gs, us, activation, dy)
      return [d.gate, d.up]
    })
  }
  logProbs(
    h: Tensor,
    w: Tensor,
    targets: Tensor,
    options: LogProbsOptions = {},
  ): { readonly logprobs: Tensor; readonly entropy: Tensor } {
    const at = "logProbs"
    const rows = this.own(h, at, "f32")
    const weight = this.own(w, at, "f32")
    const ids = this.own(targets, at, "i32")
    const how = engineArguments.logProbs(rows, weight, ids, options, LOGITS_AT_ONCE)
    engineArguments.within(this.device.peek(ids, at), weight.shape[0] ?? 0, at, "target")
    const ops = this.ops
    const out = this.ledger.scope(() => ops.logProbs(rows, weight.transposed ?? ops.swap(weight), ids, how))
    this.tape?.record(at, [rows, weight], [out.logprobs], [rows, weight, ids], ([dy], [hs, ws, at1], wanted) => {
      if (!dy || !hs || !ws || !at1) return []
      const g = ops.logProbsGrad(hs, ws, at1, dy, wanted[1] === true, how)
      return [g.h, g.w]
    })
    return out
  }

  // --- training ---

  sumSquares(xs: ReadonlyArray<Tensor>): number {
    let total = 0
    for (const x of xs) for (const v of this.device.peek(this.own(x, "sumSquares", "f32"), "sumSquares")) total += v * v
    return total
  }
  adamW(
    param: Tensor,
    grad: Tensor,
    state: AdamWState,
    options: AdamWOptions,
  ): { readonly param: Tensor; readonly state: AdamWState } {
    const at = "adamW"
    const p = this.own(param, at, "f32")
    const g = this.own(grad, at, "f32")
    const m = this.own(state.m, at, "f32")
    const v = this.own(state.v, at, "f32")
    engineArguments.adamW(p, g, { m, v }, options)
    return this.ledger.scope(() => {
      const next = this.ops.adamW(p, g, m, v, options)
      return { param: next.param, state: { m: next.m, v: next.v } }
    })
  }
}
