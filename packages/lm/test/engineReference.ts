/**
 * References of the engine's operations in f64 on the host, and random cases of each: what `engineConformance.ts` compares
 * an engine with.
 */
import type { Engine, Tensor } from "@hmx/lm"
import fc from "fast-check"

/** A host array. */
export interface Host {
  readonly shape: ReadonlyArray<number>
  readonly data: ReadonlyArray<number>
}

/** An operation on some shapes, and what it should compute. */
export interface Case {
  readonly inputs: ReadonlyArray<Host>
  readonly engine: (e: Engine, xs: ReadonlyArray<Tensor>) => Tensor
  readonly host: (xs: ReadonlyArray<Host>) => Host
}

/** A case whose functions take as many arguments as there are inputs. */
function op<const A extends ReadonlyArray<Host>>(
  inputs: A,
  engine: (e: Engine, ...xs: { readonly [K in keyof A]: Tensor }) => Tensor,
  host: (...xs: { readonly [K in keyof A]: Host }) => Host,
): Case {
  // oxlint-disable typescript/no-unsafe-type-assertion -- the suite calls both with one argument an input
  return {
    inputs,
    engine: (e, xs) => engine(e, ...(xs as { readonly [K in keyof A]: Tensor })),
    host: (xs) => host(...(xs as { readonly [K in keyof A]: Host })),
  }
  // oxlint-enable
}

/** Sizes 1–5 to be used as dimensions, and a generator of numbers. */
interface Draw {
  readonly dims: readonly [number, number, number, number, number, number]
  readonly random: (shape: ReadonlyArray<number>, low?: number, high?: number) => Host
  readonly below: (count: number, limit: number) => ReadonlyArray<number>
}

export const count = (shape: ReadonlyArray<number>): number => shape.reduce((a, b) => a * b, 1)
export const at = (x: Host, i: number): number => x.data[i] ?? Number.NaN
export const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)
export const build = (shape: ReadonlyArray<number>, f: (i: number) => number): Host => ({
  shape,
  data: range(count(shape)).map(f),
})
/** The indices of element `i`. */
function indices(shape: ReadonlyArray<number>, i: number): Array<number> {
  const out: Array<number> = []
  let rest = i
  for (const d of shape.toReversed()) {
    out.unshift(rest % d)
    rest = Math.floor(rest / d)
  }
  return out
}
function offset(shape: ReadonlyArray<number>, index: ReadonlyArray<number>): number {
  return shape.reduce((sum, d, i) => sum * d + (index[i] ?? 0), 0)
}

export function mulberry(seed: number): () => number {
  let a = seed | 0
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const size = fc.integer({ min: 1, max: 5 })
export const draws = fc
  .record({ dims: fc.tuple(size, size, size, size, size, size), seed: fc.integer() })
  .map(({ dims, seed }): Draw => {
    const next = mulberry(seed)
    return {
      dims,
      random: (shape, low = -1, high = 1) => build(shape, () => Math.fround(low + (high - low) * next())),
      below: (n, limit) => range(n).map(() => Math.floor(next() * limit)),
    }
  })

// --- references ---

function broadcasted(a: Host, b: Host, f: (x: number, y: number) => number): Host {
  const rank = Math.max(a.shape.length, b.shape.length)
  const dim = (x: Host, i: number) => x.shape[i - rank + x.shape.length] ?? 1
  const shape = range(rank).map((i) => Math.max(dim(a, i), dim(b, i)))
  const pick = (x: Host, index: ReadonlyArray<number>) => {
    const own = index.slice(rank - x.shape.length).map((v, i) => (x.shape[i] === 1 ? 0 : v))
    return at(x, offset(x.shape, own))
  }
  return build(shape, (i) => f(pick(a, indices(shape, i)), pick(b, indices(shape, i))))
}

function product(x: Host, w: Host): Host {
  const [N = 0, I = 0] = x.shape
  const [O = 0] = w.shape
  return build([N, O], (i) => {
    const [n = 0, o = 0] = indices([N, O], i)
    let sum = 0
    for (let k = 0; k < I; k++) sum += at(x, n * I + k) * at(w, o * I + k)
    return sum
  })
}

function rmsNorm(x: Host, w: Host, eps: number): Host {
  const width = w.shape[0] ?? 1
  return build(x.shape, (i) => {
    const row = Math.floor(i / width) * width
    let squares = 0
    for (let k = row; k < row + width; k++) squares += at(x, k) ** 2
    return (at(x, i) / Math.sqrt(squares / width + eps)) * at(w, i % width)
  })
}

function rotary(x: Host, cos: Host, sin: Host): Host {
  const [, , D = 0] = x.shape
  return build(x.shape, (i) => {
    const [n = 0, h = 0, d = 0] = indices(x.shape, i)
    const half = D / 2
    const j = n * half + (d % half)
    const other = at(x, offset(x.shape, [n, h, (d + half) % D]))
    return at(x, i) * at(cos, j) + (d < half ? -1 : 1) * other * at(sin, j)
  })
}

function attention(q: Host, k: Host, v: Host, bias: Host, scale: number, softcap: number | undefined): Host {
  const [B = 0, Tq = 0, H = 0, D = 0] = q.shape
  const [, Tk = 0, K = 0] = k.shape
  const data: Array<number> = []
  for (let b = 0; b < B; b++)
    for (let t = 0; t < Tq; t++)
      for (let h = 0; h < H; h++) {
        const from = ((b * Tq + t) * H + h) * D
        const key = (j: number) => ((b * Tk + j) * K + Math.floor((h * K) / H)) * D
        const scores = range(Tk).map((j) => {
          let dot = 0
          for (let c = 0; c < D; c++) dot += at(q, from + c) * at(k, key(j) + c)
          const capped = softcap === undefined ? dot * scale : softcap * Math.tanh((dot * scale) / softcap)
          return capped + at(bias, ((bias.shape[0] === 1 ? 0 : b) * Tq + t) * Tk + j)
        })
        const max = Math.max(...scores)
        const weights = scores.map((s) => Math.exp(s - max))
        const total = weights.reduce((x, y) => x + y, 0)
        for (let d = 0; d < D; d++) data.push(weights.reduce((sum, w, j) => sum + (w / total) * at(v, key(j) + d), 0))
      }
  return { shape: q.shape, data }
}

function activation(g: number, kind: "silu" | "gelu_tanh"): number {
  if (kind === "silu") return g / (1 + Math.exp(-g))
  return 0.5 * g * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (g + 0.044715 * g ** 3)))
}

export function logProbs(
  h: Host,
  w: Host,
  targets: ReadonlyArray<number>,
  temperature: number,
  softcap: number | undefined,
) {
  const [N = 0] = h.shape
  const [V = 0] = w.shape
  const logits = product(h, w)
  const rows = range(N).map((n) => {
    const z = range(V)
      .map((v) => at(logits, n * V + v))
      .map((x) => (softcap === undefined ? x : softcap * Math.tanh(x / softcap)) / temperature)
    const max = Math.max(...z)
    const lse = max + Math.log(z.reduce((s, x) => s + Math.exp(x - max), 0))
    return {
      logprob: (z[targets[n] ?? 0] ?? Number.NaN) - lse,
      entropy: -z.reduce((s, x) => s + Math.exp(x - lse) * (x - lse), 0),
    }
  })
  return {
    logprobs: { shape: [N], data: rows.map((r) => r.logprob) },
    entropy: { shape: [N], data: rows.map((r) => r.entropy) },
  }
}

// --- the operations ---

export const upload = (e: Engine, x: Host): Tensor => e.upload(Float32Array.from(x.data), x.shape, "f32")
export const ints = (e: Engine, xs: ReadonlyArray<number>): Tensor => e.upload(Int32Array.from(xs), [xs.length], "i32")

/** Angles for rotary. */
function angles(d: Draw, n: number, half: number): readonly [Host, Host] {
  const theta = d.random([n, half], -3, 3)
  const of = (f: (x: number) => number): Host => ({
    shape: theta.shape,
    data: theta.data.map((x) => Math.fround(f(x))),
  })
  return [of(Math.cos), of(Math.sin)]
}

function attentionCase(d: Draw, Tq: number, softcap: number | undefined, causal: boolean): Case {
  const [B, Tk, K, G, D] = d.dims
  const biases = d.random([d.dims[5] > 2 ? B : 1, Tq, Tk])
  // The first key stays visible: a row without any has no softmax.
  const bias = causal ? build(biases.shape, (i) => (i % Tk > 0 && at(biases, i) > 0 ? -1e9 : 0)) : biases
  return op(
    [d.random([B, Tq, K * G, D], -2, 2), d.random([B, Tk, K, D], -2, 2), d.random([B, Tk, K, D])],
    (e, q, k, v) =>
      e.attention(q, k, v, { bias: upload(e, bias), scale: 0.7, ...(softcap === undefined ? {} : { softcap }) }),
    (q, k, v) => attention(q, k, v, bias, 0.7, softcap),
  )
}

function logProbsCase(d: Draw, temperature: number, softcap: number | undefined, frozen: boolean): Case {
  const [N, I, V, chunk] = d.dims
  const targets = d.below(N, V + 1)
  const options = {
    chunk,
    ...(temperature === 1 ? {} : { temperature }),
    ...(softcap === undefined ? {} : { softcap }),
  }
  return op(
    [d.random([N, I], -2, 2), d.random([V + 1, I])],
    (e, h, w) => e.logProbs(h, frozen ? e.frozen(w) : w, ints(e, targets), options).logprobs,
    (h, w) => logProbs(h, w, targets, temperature, softcap).logprobs,
  )
}

export const operations: Readonly<Record<string, (d: Draw) => Case>> = {
  reshape: ({ dims: [a, b, c], random }) =>
    op(
      [random([a, b, c])],
      (e, x) => e.reshape(x, [c, a * b]),
      (x) => ({ shape: [c, a * b], data: x.data }),
    ),
  transpose: ({ dims: [a, b, c, d, which], random }) => {
    const perm = [
      [0, 1, 2, 3],
      [0, 2, 1, 3],
      [3, 1, 0, 2],
      [1, 0, 3, 2],
      [2, 3, 0, 1],
    ][which - 1] ?? [0, 1, 2, 3]
    return op(
      [random([a, b, c, d])],
      (e, x) => e.transpose(x, perm),
      (x) => {
        const shape = perm.map((p) => x.shape[p] ?? 0)
        return build(shape, (i) => {
          const index = indices(shape, i)
          return at(
            x,
            offset(
              x.shape,
              x.shape.map((_, axis) => index[perm.indexOf(axis)] ?? 0),
            ),
          )
        })
      },
    )
  },
  slice: ({ dims: [a, b, c, axis, start], random }) => {
    const along = axis % 3
    const shape = [a, b, c]
    const from = (start - 1) % (shape[along] ?? 1)
    const out = shape.map((d, i) => (i === along ? d - from : d))
    return op(
      [random(shape)],
      (e, x) => e.slice(x, along, from, out[along] ?? 0),
      (x) =>
        build(out, (i) =>
          at(
            x,
            offset(
              shape,
              indices(out, i).map((v, k) => (k === along ? v + from : v)),
            ),
          ),
        ),
    )
  },
  concat: ({ dims: [a, b, c, d, axis], random }) => {
    const along = axis % 2
    const shapes = [c, d].map((n) => (along === 0 ? [n, a, b] : [a, n, b]))
    const out = (shapes[0] ?? []).map((v, i) => (i === along ? c + d : v))
    return op(
      [random(shapes[0] ?? []), random(shapes[1] ?? [])],
      (e, x, y) => e.concat([x, y], along),
      (x, y) =>
        build(out, (i) => {
          const index = indices(out, i)
          const k = index[along] ?? 0
          const of = (t: Host, j: number) =>
            at(
              t,
              offset(
                t.shape,
                index.map((v, n) => (n === along ? j : v)),
              ),
            )
          return k < c ? of(x, k) : of(y, k - c)
        }),
    )
  },
  "gather, with repeats": ({ dims: [rows, width, n, deep], random, below }) => {
    const ids = below(n + 2, rows)
    const row = width * deep
    return op(
      [random([rows, width, deep])],
      (e, x) => e.gather(x, ints(e, ids)),
      (x) => build([ids.length, width, deep], (i) => at(x, (ids[Math.floor(i / row)] ?? 0) * row + (i % row))),
    )
  },
  "add, broadcasting": ({ dims: [a, b, c], random }) =>
    op(
      [random([a, 1, c]), random([b, 1])],
      (e, x, y) => e.add(x, y),
      (x, y) => broadcasted(x, y, (p, q) => p + q),
    ),
  "sub, broadcasting": ({ dims: [a, b], random }) =>
    op(
      [random([b]), random([a, 1])],
      (e, x, y) => e.sub(x, y),
      (x, y) => broadcasted(x, y, (p, q) => p - q),
    ),
  "mul, broadcasting": ({ dims: [a, b, c], random }) =>
    op(
      [random([a, b, c]), random([c])],
      (e, x, y) => e.mul(x, y),
      (x, y) => broadcasted(x, y, (p, q) => p * q),
    ),
  "mul of a tensor by itself": ({ dims: [a, b], random }) =>
    op(
      [random([a, b])],
      (e, x) => e.mul(x, x),
      (x) => broadcasted(x, x, (p, q) => p * q),
    ),
  scale: ({ dims: [a, b], random }) =>
    op(
      [random([a, b])],
      (e, x) => e.scale(x, -2.5),
      (x) => build(x.shape, (i) => -2.5 * at(x, i)),
    ),
  sum: ({ dims: [a, b], random }) =>
    op(
      [random([a, b])],
      (e, x) => e.sum(x),
      (x) => ({ shape: [], data: [x.data.reduce((p, q) => p + q, 0)] }),
    ),
  linear: ({ dims: [n, i, o], random }) => op([random([n, i]), random([o, i])], (e, x, w) => e.linear(x, w), product),
  "linear, frozen": ({ dims: [n, i, o], random }) =>
    op([random([n, i]), random([o, i])], (e, x, w) => e.linear(x, e.frozen(w)), product),
  "linear with bias": ({ dims: [n, i, o], random }) =>
    op(
      [random([n, i]), random([o, i]), random([o])],
      (e, x, w, bias) => e.linear(x, w, { bias }),
      (x, w, bias) => broadcasted(product(x, w), bias, (p, q) => p + q),
    ),
  "linear with bias and LoRA": ({ dims: [n, i, o, r], random }) =>
    op(
      [random([n, i]), random([o, i]), random([o]), random([r, i]), random([o, r])],
      (e, x, w, bias, a, b) => e.linear(x, w, { bias, lora: { a, b, scale: 1.5 } }),
      (x, w, bias, a, b) => {
        const low = product(product(x, a), b)
        const plain = broadcasted(product(x, w), bias, (p, q) => p + q)
        return broadcasted(plain, low, (p, q) => p + 1.5 * q)
      },
    ),
  rmsNorm: ({ dims: [n, heads, d], random }) =>
    op(
      [random([n, heads, d]), random([d])],
      (e, x, w) => e.rmsNorm(x, w, 1e-3),
      (x, w) => rmsNorm(x, w, 1e-3),
    ),
  rotary: (d) => {
    const [n, heads, half] = d.dims
    const [cos, sin] = angles(d, n, half)
    return op(
      [d.random([n, heads, 2 * half])],
      (e, x) => e.rotary(x, upload(e, cos), upload(e, sin)),
      (x) => rotary(x, cos, sin),
    )
  },
  attention: (d) => attentionCase(d, d.dims[5], undefined, false),
  "attention, masked": (d) => attentionCase(d, d.dims[5], undefined, true),
  "attention with a softcap": (d) => attentionCase(d, d.dims[5], 1.5, false),
  "attention of one query row": (d) => attentionCase(d, 1, undefined, true),
  "attention of many query rows": (d) => attentionCase(d, 9, undefined, true),
  "gatedMlp silu": ({ dims: [n, f], random }) =>
    op(
      [random([n, f], -3, 3), random([n, f])],
      (e, g, u) => e.gatedMlp(g, u, "silu"),
      (g, u) => broadcasted(g, u, (p, q) => activation(p, "silu") * q),
    ),
  "gatedMlp gelu_tanh": ({ dims: [n, f], random }) =>
    op(
      [random([n, f], -3, 3), random([n, f])],
      (e, g, u) => e.gatedMlp(g, u, "gelu_tanh"),
      (g, u) => broadcasted(g, u, (p, q) => activation(p, "gelu_tanh") * q),
    ),
  logProbs: (d) => logProbsCase(d, 1, undefined, false),
  "logProbs with frozen weights": (d) => logProbsCase(d, 1, undefined, true),
  "logProbs at a temperature": (d) => logProbsCase(d, 0.7, undefined, false),
  "logProbs with a softcap at a temperature": (d) => logProbsCase(d, 1.3, 2, false),
}
