/**
 * Milliseconds and GFLOP/s of each operation, and of whole steps of a nano-shaped decoder, as JSON.
 * `node packages/engine-tfjs/bench/ops.ts [wasm|cpu] [threads]`
 */
import { create } from "@hmx/engine-tfjs"
import type { Engine, LoraWeights, Tensor } from "@hmx/lm"

const shape = { hidden: 96, layers: 4, heads: 4, kvHeads: 2, headDim: 32, ffn: 256, vocab: 1504 }
const backend = process.argv[2] === "cpu" ? "cpu" : "wasm"
const engine = await create({ backend, threads: Number(process.argv[3] ?? 2) })

let seed = 1
/** Reproducible numbers in ±size. */
function numbers(count: number, size: number): Float32Array {
  return Float32Array.from({ length: count }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return (seed / 2 ** 31 - 1) * size
  })
}
function tensor(dims: ReadonlyArray<number>, size = 0.1): Tensor {
  return engine.upload(
    numbers(
      dims.reduce((a, b) => a * b, 1),
      size,
    ),
    dims,
    "f32",
  )
}

interface Layer {
  readonly [name: string]: Tensor
}
function makeLayer(e: Engine, freeze: boolean): Layer {
  const w = (o: number, i: number) => (freeze ? e.frozen(tensor([o, i])) : tensor([o, i]))
  const { hidden, heads, kvHeads, headDim, ffn } = shape
  return {
    q: w(heads * headDim, hidden),
    k: w(kvHeads * headDim, hidden),
    v: w(kvHeads * headDim, hidden),
    o: w(hidden, heads * headDim),
    gate: w(ffn, hidden),
    up: w(ffn, hidden),
    down: w(hidden, ffn),
    qNorm: tensor([headDim]),
    kNorm: tensor([headDim]),
    norm1: tensor([hidden]),
    norm2: tensor([hidden]),
  }
}

const targets = ["q", "k", "v", "o", "gate", "up", "down"] as const
const rank = 8

/** One decoder layer; `attend` is given q [N, H, D], k and v [N, K, D] and returns [N, H·D]. */
function layer(
  e: Engine,
  x: Tensor,
  w: Layer,
  lora: { readonly [name: string]: LoraWeights } | undefined,
  cos: Tensor,
  sin: Tensor,
  attend: (q: Tensor, k: Tensor, v: Tensor) => Tensor,
): Tensor {
  const N = x.shape[0] ?? 0
  const { heads, kvHeads, headDim } = shape
  const get = (name: string): Tensor => {
    const t = w[name]
    if (t === undefined) throw new Error(name)
    return t
  }
  const lin = (t: Tensor, name: string) => e.linear(t, get(name), { lora: lora?.[name] })
  const h = e.rmsNorm(x, get("norm1"), 1e-6)
  const q = e.rotary(e.rmsNorm(e.reshape(lin(h, "q"), [N, heads, headDim]), get("qNorm"), 1e-6), cos, sin)
  const k = e.rotary(e.rmsNorm(e.reshape(lin(h, "k"), [N, kvHeads, headDim]), get("kNorm"), 1e-6), cos, sin)
  const v = e.reshape(lin(h, "v"), [N, kvHeads, headDim])
  const y = e.add(x, lin(attend(q, k, v), "o"))
  const h2 = e.rmsNorm(y, get("norm2"), 1e-6)
  return e.add(y, lin(e.gatedMlp(lin(h2, "gate"), lin(h2, "up"), "silu"), "down"))
}

/** Attention of B blocks of T rows; the bias is causal. */
function blocks(e: Engine, B: number, T: number, bias: Tensor) {
  const { heads, kvHeads, headDim } = shape
  return (q: Tensor, k: Tensor, v: Tensor): Tensor =>
    e.reshape(
      e.attention(
        e.reshape(q, [B, T, heads, headDim]),
        e.reshape(k, [B, T, kvHeads, headDim]),
        e.reshape(v, [B, T, kvHeads, headDim]),
        { bias, scale: headDim ** -0.5 },
      ),
      [B * T, heads * headDim],
    )
}
function causal(T: number): Tensor {
  const data = new Float32Array(T * T)
  for (let i = 0; i < T; i++) for (let j = i + 1; j < T; j++) data[i * T + j] = -1e9
  return engine.upload(data, [1, T, T], "f32")
}
function ids(count: number): Tensor {
  return engine.upload(
    Int32Array.from({ length: count }, (_, i) => (i * 91) % shape.vocab),
    [count],
    "i32",
  )
}

interface Result {
  readonly name: string
  /** The best of several runs: what the code needs. */
  readonly ms: number
  /** What the machine gave while others used it. */
  readonly median: number
  /** CPU time of all threads, mean a run. */
  readonly cpu: number
  readonly gflops?: number
}

function rounded(x: number | undefined): number {
  return Number((x ?? Number.NaN).toFixed(3))
}

const results: Array<Result> = []
function report(name: string, flops: number, body: () => void, repeats = 15): void {
  const run = (): number => {
    const start = performance.now()
    engine.scope(() => {
      body()
    })
    return performance.now() - start
  }
  run()
  run()
  const before = process.cpuUsage()
  const times = Array.from({ length: repeats }, run).toSorted((a, b) => a - b)
  const { user, system } = process.cpuUsage(before)
  const ms = rounded(times[0])
  results.push({
    name,
    ms,
    median: rounded(times[Math.floor(times.length / 2)]),
    cpu: rounded((user + system) / 1000 / repeats),
    ...(flops > 0 ? { gflops: Number((flops / ms / 1e6).toFixed(2)) } : {}),
  })
}

/** Forward and backward of one operation. */
function both(name: string, flops: number, f: (xs: ReadonlyArray<Tensor>) => Tensor, xs: ReadonlyArray<Tensor>): void {
  report(`${name} forward`, flops, () => void f(xs))
  report(`${name} forward+backward`, 3 * flops, () => {
    const v = engine.vjp((i) => [f(i)], xs, [])
    v.pullback(v.outputs)
  })
}

const e = engine
const { hidden, heads, kvHeads, headDim, ffn, vocab } = shape
const N = 1792

const only = process.argv[4]
if (only === undefined || only === "ops") {
  const wide = e.frozen(tensor([ffn, hidden]))
  const lora = { a: tensor([rank, hidden]), b: tensor([ffn, rank]), scale: 2 }
  const x = tensor([N, hidden])
  both(`linear frozen ${N}x${hidden}x${ffn}`, 2 * N * hidden * ffn, ([t]) => e.linear(t ?? x, wide), [x])
  both(`linear trained ${N}x${hidden}x${ffn}`, 2 * N * hidden * ffn, ([t, w]) => e.linear(t ?? x, w ?? wide), [
    x,
    tensor([ffn, hidden]),
  ])
  both(
    `linear lora ${N}x${hidden}x${ffn}`,
    2 * N * (hidden * ffn + rank * (hidden + ffn)),
    ([t, a, b]) => e.linear(t ?? x, wide, { lora: { a: a ?? lora.a, b: b ?? lora.b, scale: 2 } }),
    [x, lora.a, lora.b],
  )
  both(`rmsNorm ${N}x${hidden}`, 0, ([t, w]) => e.rmsNorm(t ?? x, w ?? x, 1e-6), [x, tensor([hidden])])
  const q = tensor([N, heads, headDim])
  const cos = tensor([N, headDim / 2])
  both(`rotary ${N}x${heads}x${headDim}`, 0, ([t]) => e.rotary(t ?? q, cos, cos), [q])
  const gate = tensor([N, ffn])
  both(`gatedMlp ${N}x${ffn}`, 0, ([g, u]) => e.gatedMlp(g ?? gate, u ?? gate, "silu"), [gate, tensor([N, ffn])])
  both(`add ${N}x${hidden}`, 0, ([a, b]) => e.add(a ?? x, b ?? x), [x, tensor([N, hidden])])
  const bias = causal(224)
  both(
    `attention 8x224x${heads}x${headDim}`,
    4 * 8 * 224 * 224 * heads * headDim,
    ([a, b, c]) => e.attention(a ?? q, b ?? q, c ?? q, { bias, scale: 0.2 }),
    [tensor([8, 224, heads, headDim]), tensor([8, 224, kvHeads, headDim]), tensor([8, 224, kvHeads, headDim])],
  )
  const head = e.frozen(tensor([vocab, hidden]))
  const at = ids(N)
  both(
    `logProbs frozen ${N}x${hidden}x${vocab}`,
    2 * N * hidden * vocab,
    ([h]) => e.logProbs(h ?? x, head, at).logprobs,
    [x],
  )
  both(`gather ${vocab}x${hidden} at 2048`, 0, ([t]) => e.gather(t ?? x, ids(2048)), [tensor([vocab, hidden])])
  const p = tensor([vocab, hidden])
  report("adamW 1504x96", 0, () => {
    e.adamW(
      p,
      p,
      { m: p, v: e.mul(p, p) },
      { learningRate: 1e-3, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, step: 2 },
    )
  })
}

const perToken = 2 * (shape.layers * (hidden * headDim * (2 * heads + 2 * kvHeads) + 3 * hidden * ffn) + hidden * vocab)

if (only === undefined || only === "train") {
  // Eight packed groups: a prompt and eight completions each; LoRA on every matrix.
  const B = 8
  const T = 224
  const layers = Array.from({ length: shape.layers }, () => makeLayer(e, true))
  const embedding = e.frozen(tensor([vocab, hidden]))
  const norm = tensor([hidden])
  const adapters = layers.map((w) =>
    targets.map((name) => {
      const [O = 0, I = 0] = w[name]?.shape ?? []
      return { a: tensor([rank, I]), b: tensor([O, rank]) }
    }),
  )
  const cos = tensor([N, headDim / 2])
  const sin = tensor([N, headDim / 2])
  const bias = causal(T)
  const tokens = ids(N)
  const flops = N * 2 * perToken + 3 * shape.layers * 4 * B * T * T * heads * headDim
  report(
    "train: 64 sequences in 8 blocks of 224, LoRA, forward+backward",
    flops,
    () => {
      const params = adapters.flatMap((l) => l.flatMap(({ a, b }) => [a, b]))
      const v = e.vjp(
        ([x0], ps) => {
          let x = x0 ?? norm
          for (const [l, w] of layers.entries()) {
            const lora: Record<string, LoraWeights> = {}
            for (const [t, name] of targets.entries()) {
              const at = 2 * (l * targets.length + t)
              lora[name] = { a: ps[at] ?? norm, b: ps[at + 1] ?? norm, scale: 2 }
            }
            x = layer(e, x, w, lora, cos, sin, blocks(e, B, T, bias))
          }
          return [e.logProbs(e.rmsNorm(x, norm, 1e-6), embedding, tokens).logprobs]
        },
        [e.gather(embedding, tokens)],
        params,
      )
      v.pullback(v.outputs)
    },
    5,
  )
}

if (only === undefined || only === "decode") {
  // One token for each of 64 rows over 40 cached keys; the caches are appended to as the sampler does.
  const rows = 64
  const layers = Array.from({ length: shape.layers }, () => makeLayer(e, true))
  const adapters = layers.map((w) =>
    Object.fromEntries(
      targets.map((name) => {
        const [O = 0, I = 0] = w[name]?.shape ?? []
        return [name, { a: tensor([rank, I]), b: tensor([O, rank]), scale: 2 }]
      }),
    ),
  )
  const embedding = e.frozen(tensor([vocab, hidden]))
  const norm = tensor([hidden])
  const cache = layers.map(() => ({
    k: tensor([rows, 40, kvHeads, headDim]),
    v: tensor([rows, 40, kvHeads, headDim]),
  }))
  const cos = tensor([rows, headDim / 2])
  const sin = tensor([rows, headDim / 2])
  const bias = e.upload(new Float32Array(rows * 41), [rows, 1, 41], "f32")
  const decode = (lora: boolean) => () => {
    let x = e.gather(embedding, ids(rows))
    for (const [l, w] of layers.entries()) {
      x = layer(e, x, w, lora ? adapters[l] : undefined, cos, sin, (q, k, v) => {
        const old = cache[l]
        if (old === undefined) return q
        const one = (t: Tensor) => e.reshape(t, [rows, 1, kvHeads, headDim])
        return e.reshape(
          e.attention(
            e.reshape(q, [rows, 1, heads, headDim]),
            e.concat([old.k, one(k)], 1),
            e.concat([old.v, one(v)], 1),
            { bias, scale: headDim ** -0.5 },
          ),
          [rows, heads * headDim],
        )
      })
    }
    e.download(e.linear(e.rmsNorm(x, norm, 1e-6), embedding))
  }
  report("decode: 64 rows over 40 keys", rows * perToken, decode(false), 60)
  report("decode: 64 rows over 40 keys, LoRA", rows * perToken, decode(true), 60)
}

if (only === undefined || only === "pretrain") {
  // 16 rows of 128 tokens, every weight trained, embedding tied to the head.
  const B = 16
  const T = 128
  const layers = Array.from({ length: shape.layers }, () => makeLayer(e, false))
  const embedding = tensor([vocab, hidden])
  const norm = tensor([hidden])
  const tokens = ids(B * T)
  const cos = tensor([B * T, headDim / 2])
  const sin = tensor([B * T, headDim / 2])
  const bias = causal(T)
  const names = Object.keys(layers[0] ?? {})
  const params = [embedding, norm, ...layers.flatMap((w) => names.map((n) => w[n] ?? norm))]
  report(
    "pretrain: 2048 tokens, all weights, forward+backward",
    B * T * 3 * perToken + 3 * shape.layers * 4 * B * T * T * heads * headDim,
    () => {
      const v = e.vjp(
        (_, [table = norm, last = norm, ...rest]) => {
          let x = e.gather(table, tokens)
          for (let l = 0; l < shape.layers; l++) {
            const w = Object.fromEntries(names.map((n, i) => [n, rest[l * names.length + i] ?? norm]))
            x = layer(e, x, w, undefined, cos, sin, blocks(e, B, T, bias))
          }
          return [e.logProbs(e.rmsNorm(x, last, 1e-6), table, tokens).logprobs]
        },
        [],
        params,
      )
      v.pullback(v.outputs)
    },
    5,
  )
}

process.stdout.write(`${JSON.stringify({ info: engine.info, results }, undefined, 2)}\n`)
engine.close()
