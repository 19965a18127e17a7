/** Sums of logits on the device, and the tokens that are drawn by them. */
import { create } from "@hmx/engine-torch"
import type { DecoderSpec, Engine } from "@hmx/lm"
import { EngineMisuse, freeDecoder, generate, makeDecoder, stream, weightShapes } from "@hmx/lm"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { absent } from "./_internals/present.ts"

const spec: DecoderSpec = {
  family: "qwen3",
  layers: 1,
  hidden: 16,
  heads: 2,
  kvHeads: 1,
  headDim: 8,
  ffn: 24,
  vocab: 9001,
  context: 128,
  normEps: 1e-6,
  ropeTheta: 1e4,
  activation: "silu",
  tied: true,
  qkNorm: true,
  qkvBias: false,
}
const numbers = (name: string, n: number, deviation: number) => stream(4, name).normal(n, 0, deviation)

describe.skipIf(absent !== undefined)("draws on the device", () => {
  let e: Engine
  beforeAll(async () => {
    e = await create({ threads: 2 })
  })
  afterAll(() => e.close())

  it("sums are those of the host, a row's the same bits whatever stands beside it", () => {
    for (const [rows, vocab, temperature] of [
      [1, 5, 1],
      [3, 300, 0.7],
      [40, 1542, 1.3],
      [2, 40_000, 1],
    ] as const) {
      const x = numbers("logits", rows * vocab, 6)
      const block = 128
      const count = Math.ceil(vocab / block)
      e.scope(() => {
        const logits = e.upload(x, [rows, vocab], "f32")
        const found = e.expSums?.(logits, temperature, block)
        if (found === undefined) throw new Error("torch sums logits")
        for (let r = 0; r < rows; r++) {
          const row = Array.from(x.subarray(r * vocab, (r + 1) * vocab))
          const alone = e.expSums?.(e.upload(Float32Array.from(row), [1, vocab], "f32"), temperature, block)
          expect(found.totals[r]).toBe(alone?.totals[0])
          const max = row.reduce((a, b) => Math.max(a, b))
          const total = row.reduce((sum, value) => sum + Math.exp((value - max) / temperature), 0)
          expect((found.totals[r] ?? 0) / total).toBeCloseTo(1, 12)
          for (let b = 0; b < count; b++) {
            const part = row.slice(b * block, (b + 1) * block)
            const at = r * count + b
            expect(found.max[at]).toBe(part.reduce((a, c) => Math.max(a, c)))
            expect(found.sums[at]).toBe(alone?.sums[b])
            const score = (value: number) => Math.fround(value / temperature)
            const sum = part.reduce((all, value) => all + Math.exp(score(value) - score(max)), 0)
            expect((found.sums[at] ?? 0) / sum).toBeCloseTo(1, 12)
          }
        }
      })
    }
  })

  it("a row that is not finite has no finite total", () => {
    e.scope(() => {
      for (const wrong of [Number.NaN, Infinity]) {
        const x = numbers("logits", 200, 1)
        x[150] = wrong
        expect(e.expSums?.(e.upload(x, [1, 200], "f32"), 1, 64).totals[0]).toBeNaN()
      }
      const x = e.upload(new Float32Array(4), [4], "f32")
      expect(() => e.expSums?.(x, 1, 2)).toThrow(EngineMisuse)
    })
  })

  it("a block wider than the row is the row, a block that is none is a mistake, and what is made is counted", () => {
    e.scope(() => {
      const x = e.upload(numbers("logits", 3 * 301, 3), [3, 301], "f32")
      const whole = e.expSums?.(x, 0.7, 301)
      for (const block of [302, 4096, 3e9, Number.MAX_SAFE_INTEGER]) expect(e.expSums?.(x, 0.7, block)).toEqual(whole)
      expect(whole?.max).toHaveLength(3)
      for (const block of [0, -1, 0.5, Number.NaN, 2 ** 53, Infinity])
        expect(() => e.expSums?.(x, 1, block)).toThrow(EngineMisuse)
      expect(() => e.expSums?.(e.upload(new Float32Array(0), [2, 0], "f32"), 1, 2)).toThrow(/expSums.*empty/)
      expect(e.expSums?.(e.upload(new Float32Array(0), [0, 2], "f32"), 1, 2).max).toHaveLength(0)
      for (const temperature of [1, 0.7]) {
        e.resetPeak()
        const before = e.memory().bytes
        e.expSums?.(x, temperature, 64)
        // Two copies in f64.
        expect(e.memory().peak - before).toBeGreaterThanOrEqual(3 * 301 * 8 * 2)
      }
    })
  })

  it("completions have the tokens that the downloaded logits give, at every temperature", () => {
    const tensors = Array.from(weightShapes(spec), ([name, shape]) => {
      const size = shape.reduce((a, b) => a * b, 1)
      const data = name.includes("norm") ? new Float32Array(size).fill(1) : numbers(name, size, 0.3)
      return [name, e.keep(e.upload(data, shape, "f32"))] as const
    })
    const decoder = makeDecoder(e, spec, new Map(tensors))
    const before = e.memory().tensors
    for (const temperature of [0, 0.05, 0.8, 1, 3]) {
      const requests = [1, 2, 3].map((prompt) => ({
        prompt: [prompt, 8, 9],
        n: 4,
        params: { maxNewTokens: 20, temperature },
        key: { seed: 3, step: 1, prompt },
      }))
      const device = generate(decoder, requests, { eos: [], onHost: false })
      const host = generate(decoder, requests, { eos: [], onHost: true })
      device.flat().forEach((completion, i) => {
        expect(completion.tokens).toEqual(host.flat()[i]?.tokens)
        completion.logprobs.forEach((x, t) => expect(x).toBeCloseTo(host.flat()[i]?.logprobs[t] ?? Number.NaN, 10))
      })
    }
    expect(e.memory().tensors).toBe(before)
    freeDecoder(decoder)
  })
})
