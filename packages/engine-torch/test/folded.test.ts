/** Attention as a GPU gets it: queries of one key head as its rows. The kernels here are the processor's. */
import { create } from "@hmx/engine-torch"
import type { Engine, Tensor } from "@hmx/lm"
import { afterEach, describe, expect, it, vi } from "vitest"
import { foldedType } from "../src/folded.ts"
import { Handle } from "../src/Ledger.ts"
import { findTorch, here } from "../src/findTorch.ts"
import { fusedAttention, libraryFile } from "../src/Natives.ts"
import { Ops } from "../src/Ops.ts"
import { likeGpu } from "./_internals/likeGpu.ts"
import { absent } from "./_internals/present.ts"

const numbers = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(3 * i + seed))

/** Rows, queries, keys, query heads, key heads, head size. */
type Sizes = readonly [number, number, number, number, number, number]

const cases: ReadonlyArray<Sizes> = [
  [1, 1, 5, 4, 2, 8],
  [3, 1, 17, 8, 2, 16],
  [1, 8, 16, 4, 1, 8],
  [2, 8, 19, 6, 3, 16],
  [3, 16, 32, 4, 4, 8],
  [2, 8, 16, 4, 2, 12],
  [2, 8, 16, 4, 2, 6],
]

interface Attended {
  readonly free: ArrayLike<number>
  readonly value: ArrayLike<number>
  readonly gradients: ReadonlyArray<ArrayLike<number>>
  /** Bytes while the tape is there. */
  readonly kept: number
}

/** Result and gradients of the same numbers on an engine; masks are of each row, or one for all. */
function attended(e: Engine, [B, Tq, Tk, H, K, D]: Sizes, alike: boolean, twice = false): Attended {
  let found: Attended | undefined
  e.scope(() => {
    const q = e.upload(numbers(B * Tq * H * D, 1), [B, Tq, H, D], "f32")
    const k = e.upload(numbers(B * Tk * K * D, 2), [B, Tk, K, D], "f32")
    const v = e.upload(numbers(B * Tk * K * D, 3), [B, Tk, K, D], "f32")
    const first = alike ? 1 : B
    const seen = (i: number) => i % Tk <= Tk - Tq + (Math.trunc(i / Tk) % Tq)
    const mask = Float32Array.from({ length: first * Tq * Tk }, (_, i) => (seen(i) ? 0 : -1e9))
    const bias = e.upload(mask, [first, Tq, Tk], "f32")
    const scale = 1 / Math.sqrt(D)
    const free = e.download(e.attention(q, k, v, { scale, bias }))
    const layers = (a: Tensor, b: Tensor, c: Tensor) => {
      const y = e.attention(a, b, c, { scale, bias })
      return twice ? e.attention(y, b, c, { scale, bias }) : y
    }
    const vjp = e.vjp(([a = q, b = k, c = v]) => [layers(a, b, c)], [q, k, v], [])
    const kept = e.memory().bytes
    const [y] = vjp.outputs
    const value = y === undefined ? [] : e.download(y)
    const { inputs } = vjp.pullback([e.upload(numbers(B * Tq * H * D, 4), [B, Tq, H, D], "f32")])
    found = { free, value, gradients: inputs.map((g) => (g === undefined ? [] : e.download(g))), kept }
  })
  if (found === undefined) throw new Error("a scope runs what it is given")
  return found
}

const far = (found: ArrayLike<number>, wanted: ArrayLike<number>): number => {
  expect(found.length).toBe(wanted.length)
  return Array.from(wanted, (x, i) => Math.abs(x - (found[i] ?? Number.NaN))).reduce((a, b) => Math.max(a, b), 0)
}

describe.skipIf(absent !== undefined)("attention on a GPU", () => {
  afterEach(() => vi.restoreAllMocks())

  it.each(cases)("has the result and the gradients of the processor's (%i, %i, %i, %i, %i, %i)", async (...sizes) => {
    const host = await create({ threads: 1 })
    for (const compute of ["f32", "bf16"] as const) {
      const gpu = await likeGpu({ compute })
      // The type is known once a weight of it has come.
      if (compute === "bf16") gpu.free(gpu.upload(new Uint16Array(1), [1], "bf16"))
      expect(gpu.info.compute).toBe(compute)
      for (const alike of [true, false]) {
        const [wanted, found] = [attended(host, sizes, alike), attended(gpu, sizes, alike)]
        const within = compute === "f32" || sizes[1] === 1 || sizes[5] % 8 !== 0 ? 2e-6 : 3e-2
        expect(far(found.value, wanted.value)).toBeLessThan(within)
        expect(far(found.free, wanted.free)).toBeLessThan(within)
        found.gradients.forEach((g, i) => expect(far(g, wanted.gradients[i] ?? [])).toBeLessThan(2 * sizes[1] * within))
      }
      expect(gpu.memory()).toMatchObject({ bytes: 0, tensors: 0 })
      gpu.close()
    }
    host.close()
  })

  it.each(cases)(
    "never asks torch for grouped heads, nor for a mask that is copied at each call (%i, %i, %i, %i, %i, %i)",
    async (...sizes) => {
      const gpu = await likeGpu({ compute: "bf16" })
      gpu.free(gpu.upload(new Uint16Array(1), [1], "bf16"))
      const run = vi.spyOn(Ops.prototype, "run")
      attended(gpu, sizes, false)
      const asked = run.mock.calls.filter(([op]) => op.name === "scaled_dot_product_attention")
      expect(asked).toHaveLength(sizes[5] % 4 === 0 ? 2 : 0)
      for (const [, made, q, k, v, mask, dropout, causal, , grouped] of asked) {
        if (![q, k, v, mask].every((t) => t instanceof Handle)) throw new Error("not tensors")
        const [B, Tq, Tk, H, K, D] = sizes
        const shapes = [q, k, v, mask].map((t) => (t instanceof Handle ? t.shape : []))
        expect(shapes).toEqual([
          [B, K, (H / K) * Tq, D],
          [B, K, Tk, D],
          [B, K, Tk, D],
          [B, 1, Tq === 1 ? 1 : (H / K) * Tq, Tk],
        ])
        const type = foldedType([B, Tq, H, D], "bf16")
        expect([q, k, v, mask].map((t) => (t instanceof Handle ? t.dtype : undefined))).toEqual(Array(4).fill(type))
        expect([dropout, causal, grouped]).toEqual([0, false, false])
        expect(made.hidden).toBe(4 * B * K * 32 * Math.ceil(((H / K) * Tq) / 32))
      }
      gpu.close()
    },
  )

  it("makes a mask once for all layers, and anew where it has been written", async () => {
    const gpu = await likeGpu({ compute: "bf16" })
    gpu.free(gpu.upload(new Uint16Array(1), [1], "bf16"))
    const sizes: Sizes = [2, 8, 16, 8, 2, 8]
    const [B, Tq, Tk, H, K, D] = sizes
    const once = attended(gpu, sizes, false)
    const twice = attended(gpu, sizes, false, true)
    const layer = 2 * (2 * B * Tq * H * D + 2 * B * Tk * K * D) + 4 * B * K * 32
    // A second layer keeps its own q, k, v, result and sums, f32 copies for a moment, and no second mask.
    expect(twice.kept - once.kept).toBeLessThanOrEqual(layer)
    gpu.scope(() => {
      const [q, k, v] = [
        [B, Tq, H, D],
        [B, Tk, K, D],
        [B, Tk, K, D],
      ].map((shape, i) =>
        gpu.upload(
          numbers(
            shape.reduce((a, b) => a * b),
            i,
          ),
          shape,
          "f32",
        ),
      )
      if (q === undefined || k === undefined || v === undefined) throw new Error("three tensors")
      const bias = gpu.upload(new Float32Array(B * Tq * Tk), [B, Tq, Tk], "f32")
      const how = { scale: 1, bias }
      const before = gpu.download(gpu.attention(q, k, v, how))
      gpu.write(bias, gpu.upload(new Float32Array(B * Tq).fill(-1e9), [B, Tq, 1], "f32"), 2, 0)
      expect(far(gpu.download(gpu.attention(q, k, v, how)), before)).toBeGreaterThan(1e-3)
    })
    expect(gpu.memory()).toMatchObject({ bytes: 0, tensors: 0 })
    gpu.close()
  })

  it("finds the switch of cuDNN's attention in this torch", async () => {
    const { default: koffi } = await import("koffi")
    const torch = koffi.load(`${findTorch(here)}/${libraryFile("torch_cpu")}`)
    for (const name of Object.values(fusedAttention)) expect(() => torch.symbol(name)).not.toThrow()
  })
})
