/** The loops on the wasm heap against the same operations composed of tfjs kernels, on shapes with tiles, tails and chunks. */
import { expect, test } from "vitest"
import { Composed } from "../src/Composed.ts"
import type { Loaded } from "../src/Device.ts"
import { Device } from "../src/Device.ts"
import { Fused } from "../src/Fused.ts"
import { Handle, Ledger } from "../src/Ledger.ts"
import { loadWasm } from "../src/wasmBackend.ts"

const loaded: Loaded = await loadWasm(1)
const ledger = new Ledger((dataId) => loaded.backend.disposeData(dataId))
const device = new Device(loaded, ledger)
if (loaded.heap === undefined) throw new Error("the wasm backend has a heap")
const fused = new Fused(device, loaded.heap)
const composed = new Composed(device)

let seed = 7
function random(...shape: ReadonlyArray<number>): Handle {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed / 2 ** 31 - 1
  })
  return device.write(values, shape)
}
function ids(count: number, limit: number): Handle {
  return device.write(
    Int32Array.from({ length: count }, (_, i) => (i * 31) % limit),
    [count],
  )
}

type Result = Handle | Readonly<Record<string, Handle | undefined>>

function handles(result: Result): ReadonlyArray<Handle> {
  if (result instanceof Handle) return [result]
  return Object.values(result).filter((t) => t !== undefined)
}

/** Runs `f` with both and compares every tensor of the results. */
function same(f: (ops: Composed) => Result): void {
  ledger.scope(() => {
    const [left, right] = [handles(f(fused)), handles(f(composed))]
    expect(left.map((t) => t.shape)).toEqual(right.map((t) => t.shape))
    expect(left.length).toBeGreaterThan(0)
    for (const [i, t] of left.entries()) {
      const other = right[i]
      if (other === undefined) continue
      const [a, b] = [[...device.read(t, "test")], [...device.read(other, "test")]]
      const largest = b.reduce((m, v) => Math.max(m, Math.abs(v)), 1)
      const worst = a.reduce((m, v, j) => Math.max(m, Math.abs(v - (b[j] ?? Number.NaN))), 0)
      expect(worst / largest).toBeLessThan(1e-5)
    }
  })
}

test("products, transposes, rows and their sums", () => {
  const [a, b, table] = [random(70, 33), random(33, 65), random(50, 12)]
  same((ops) => ops.matMul(a, b))
  same((ops) => ops.swap(a))
  same((ops) => ops.scale(a, 0.3))
  same((ops) => ops.rows(table, ids(81, 50)))
  const g = random(81, 12)
  same((ops) => ops.scatterAdd(g, ids(81, 9), 10))
})

test("linear with LoRA", () => {
  const [x, w, bias, a, b] = [random(70, 33), random(65, 33), random(65), random(4, 33), random(65, 4)]
  same((ops) => ops.linear(x, w, bias, { a, b, scale: 2 }))
})

test("rmsNorm, rotary and the gate, with gradients", () => {
  const [x, w, dy] = [random(37, 24), random(24), random(37, 24)]
  same((ops) => ops.rmsNorm(x, w, 1e-6))
  same((ops) => ops.rmsNormGrad(x, w, 1e-6, dy))
  const [q, cos, sin] = [random(37, 3, 8), random(37, 4), random(37, 4)]
  same((ops) => ops.rotary(q, cos, sin, false))
  same((ops) => ops.rotary(q, cos, sin, true))
  same((ops) => ops.gatedMlpGrad(x, dy, "silu", x))
})

test.each([undefined, 1.5])("attention and its gradient, softcap %s", (softcap) => {
  const shape = { B: 3, Tq: 37, Tk: 41, H: 6, K: 2, D: 8 }
  const [q, k, v] = [random(3, 37, 6, 8), random(3, 41, 2, 8), random(3, 41, 2, 8)]
  const scores = { scale: 0.4, softcap }
  for (const bias of [random(1, 37, 41), random(3, 37, 41)]) {
    same((ops) => ({ ...ops.attention(q, k, v, bias, shape, scores, true) }))
    const { y, p, cap } = composed.attention(q, k, v, bias, shape, scores, true)
    const dy = random(3, 37, 6, 8)
    if (p === undefined) throw new Error("the probabilities were asked for")
    same((ops) => ops.attentionGrad({ q, k, v, y, p, cap }, dy, shape, scores))
  }
})

test("attention of few rows takes loops and gives the same", () => {
  const shape = { B: 3, Tq: 2, Tk: 41, H: 6, K: 2, D: 8 }
  const [q, k, v, bias] = [random(3, 2, 6, 8), random(3, 41, 2, 8), random(3, 41, 2, 8), random(3, 2, 41)]
  const scores = { scale: 0.4, softcap: undefined }
  same((ops) => ops.attention(q, k, v, bias, shape, scores, false).y)
})

test.each([undefined, 2])("logProbs and its gradient in chunks, softcap %s", (softcap) => {
  const [h, w, dy, targets] = [random(70, 16), random(130, 16), random(70), ids(70, 130)]
  for (const [chunk, temperature] of [
    [70, 1],
    [32, 0.7],
  ] as const) {
    const options = { chunk, temperature, softcap }
    same((ops) => ops.logProbs(h, composed.swap(w), targets, options))
    same((ops) => ops.logProbsGrad(h, w, targets, dy, true, options))
    same((ops) => ops.logProbsGrad(h, w, targets, dy, false, options).h)
  }
})

test("adamW", () => {
  const [p, g, m] = [random(9, 9), random(9, 9), random(9, 9)]
  const v = composed.square(m)
  const options = { learningRate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, step: 3 }
  same((ops) => ops.adamW(p, g, m, v, options))
})
