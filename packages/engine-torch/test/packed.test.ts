/** Weights in a layout of their own: the same numbers, whatever stands beside a row, and nothing else takes them. */
import { create } from "@hmx/engine-torch"
import type { DecoderSpec, Engine, GenerateRequest } from "@hmx/lm"
import {
  EngineMisuse,
  freeDecoder,
  generate,
  loadDecoder,
  Lora,
  loraConfig,
  makeDecoder,
  openCheckpoint,
} from "@hmx/lm"
import { stream, weightShapes } from "@hmx/lm"
import * as Effect from "effect/Effect"
import { existsSync, readdirSync, mkdtempSync, readSync, openSync, closeSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { absent } from "./_internals/present.ts"

const numbers = (name: string, n: number, mean = 0, deviation = 0.1) => stream(7, name).normal(n, mean, deviation)

/** Wide enough that its weights are worth the layout; with biases. */
const spec: DecoderSpec = {
  family: "qwen2",
  layers: 3,
  hidden: 128,
  heads: 4,
  kvHeads: 2,
  headDim: 64,
  ffn: 264,
  vocab: 500,
  context: 256,
  normEps: 1e-6,
  ropeTheta: 1e4,
  activation: "silu",
  tied: true,
  qkNorm: false,
  qkvBias: true,
}
const decoderOn = (engine: Engine) =>
  makeDecoder(
    engine,
    spec,
    new Map(
      Array.from(weightShapes(spec), ([name, shape]) => {
        const n = shape.reduce((a, b) => a * b, 1)
        const data = numbers(name, n, name.includes("norm") ? 1 : 0)
        return [name, engine.keep(engine.upload(data, shape, "f32"))] as const
      }),
    ),
  )
/** The committed checkpoints, and a larger set where it stands beside the repository. */
const checkpoints = ["../../../test/fixtures/parity/checkpoints", "../../../../shared/fixtures/checkpoints"]
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .filter((root) => existsSync(root))
  .flatMap((root) => readdirSync(root).map((name) => join(root, name)))

/** The same engine without the layout. */
const without = (engine: Engine): Engine =>
  new Proxy(engine, {
    get: (target, key) => {
      const value: unknown = key === "packed" ? undefined : Reflect.get(target, key)
      return typeof value === "function" ? value.bind(target) : value
    },
  })

describe.skipIf(absent !== undefined)("packed weights", () => {
  it("give the products of the weights one under another, and a row's bits beside any number of rows", async () => {
    for (const threads of [1, 2]) {
      const engine = await create({ threads })
      const before = engine.memory().tensors
      engine.scope(() => {
        const I = 136
        const upload = (name: string, shape: ReadonlyArray<number>) =>
          engine.upload(
            numbers(
              name,
              shape.reduce((a, b) => a * b, 1),
            ),
            shape,
            "f32",
          )
        const ws = [upload("first", [200, I]), upload("second", [72, I])]
        const bias = upload("bias", [272])
        const [a, b] = [upload("a", [128, I]), upload("b", [272, 128])]
        const packed = (...list: ReadonlyArray<(typeof ws)[number]>) => {
          const made = engine.packed?.(list)
          if (made === undefined) throw new Error("torch has such a layout here")
          return made
        }
        const w = packed(...ws)
        expect(w.shape).toEqual([272, I])
        const x = numbers("x", 90 * I)
        const rows = (n: number) => engine.upload(x.slice(0, n * I), [n, I], "f32")
        const all = engine.concat(ws, 0)
        for (const lora of [undefined, { a, b, scale: 1 }, { a, b, scale: 0.5 }]) {
          const laidOut = lora?.scale === 1 ? { a: packed(a), b: packed(b), scale: 1 } : lora
          const expected = engine.download(engine.linear(rows(90), all, { bias, lora }))
          const many = engine.download(engine.linear(rows(90), w, { bias, lora: laidOut }))
          many.forEach((y, i) => expect(y).toBeCloseTo(expected[i] ?? Number.NaN, 5))
          for (let n = 0; n <= 70; n += n < 20 ? 1 : 7)
            expect(engine.download(engine.linear(rows(n), w, { bias, lora: laidOut })), `${n} rows`).toEqual(
              many.slice(0, n * 272),
            )
        }
        expect(() => engine.add(w, w)).toThrow("a packed weight is for linear")
        expect(() => engine.download(w)).toThrow("a packed weight is for linear")
        expect(() => engine.vjp(([h = w]) => [engine.linear(h, w)], [rows(2)], [])).toThrow("has no gradient")
        expect(() => engine.packed?.([all, b])).toThrow("packed")
        expect(engine.packed?.([bias].map((t) => engine.reshape(t, [272, 1])))).toBeUndefined()
      })
      expect(engine.memory().tensors).toBe(before)
      engine.close()
    }
  })

  it("leave a file's tensor as it was", async () => {
    const engine = await create()
    const folder = mkdtempSync(join(tmpdir(), "hmx-packed-"))
    const path = join(folder, "weights")
    const [O, I] = [300, 400]
    const data = numbers("file", O * I)
    writeFileSync(path, new Uint8Array(data.buffer))
    const fd = openSync(path, "r")
    try {
      const read = (target: Uint8Array, position: number) => void readSync(fd, target, 0, target.byteLength, position)
      const w = engine.fromFile({ path, offset: 0, read }, [O, I], "f32", () => {})
      const packed = engine.packed?.([w])
      expect(packed?.shape).toEqual([O, I])
      expect(engine.download(w)).toEqual(data)
      engine.trim?.([w])
      expect(engine.download(w)).toEqual(data)
      engine.free(w, packed)
    } finally {
      closeSync(fd)
      rmSync(folder, { recursive: true })
      engine.close()
    }
  })

  it("leave nothing of a layer behind but its keys and values", async () => {
    const engine = await create()
    const decoder = decoderOn(engine)
    const prompt = Array.from({ length: 200 }, (_, i) => 2 + (i % 400))
    const held: Array<number> = []
    const request = { prompt, n: 1, params: { maxNewTokens: 1 }, key: { seed: 1, step: 0, prompt: 0 } }
    generate(decoder, [request], { eos: [], checkpoint: () => void held.push(engine.memory().bytes) })
    // What the first layer makes for all is there from the second on.
    const [, second = 0, third = 0] = held
    expect(third - second).toBe(2 * 4 * prompt.length * spec.kvHeads * spec.headDim)
    freeDecoder(decoder)
    engine.close()
  })

  it("change no sampled token, each request's bits are its own, and nothing is left behind", async () => {
    const engine = await create({ threads: 2 })
    const decoder = decoderOn(engine)
    const before = engine.memory().tensors
    const requests = [0, 1].flatMap((temperature) =>
      [3, 17, 40].map((length, prompt): GenerateRequest => ({
        prompt: Array.from(stream(1, `prompt ${prompt}`).uniform(length, 2, spec.vocab), Math.floor),
        n: 1 + prompt,
        params: { temperature, maxNewTokens: 20 },
        key: { seed: 1, step: temperature, prompt },
      })),
    )
    const together = generate(decoder, requests, { eos: [] })
    expect(requests.flatMap((one) => generate(decoder, [one], { eos: [], maxRows: 1 }))).toEqual(together)
    const plain = generate({ ...decoder, engine: without(engine) }, requests, { eos: [] })
    expect(plain.map((group) => group.map(({ tokens }) => tokens))).toEqual(
      together.map((group) => group.map(({ tokens }) => tokens)),
    )
    expect(engine.memory().tensors).toBe(before)
    freeDecoder(decoder)
    engine.close()
  })

  it.each([1, 2, 8, 40, 64, 136])("change no sampled token beside an adapter of rank %i", async (rank) => {
    const engine = await create({ threads: 1 })
    const decoder = decoderOn(engine)
    const fresh = Lora.create(engine, spec, loraConfig({ rank }), 1)
    const state = fresh.state()
    // B is zero at first, and would hide what it is multiplied with.
    const tensors = new Map(
      Array.from(state.tensors, ([key, { data, shape }]) => [key, { data: numbers(key, data.length), shape }] as const),
    )
    const lora = Lora.load(engine, spec, { ...state, tensors })
    fresh.free()
    const request = { prompt: [5, 6, 7], n: 3, params: { maxNewTokens: 12 }, key: { seed: 3, step: 0, prompt: 0 } }
    const before = engine.memory().tensors
    const [found] = generate(decoder, [request], { lora, eos: [] })
    const [plain] = generate({ ...decoder, engine: without(engine) }, [request], { lora, eos: [] })
    const [base] = generate(decoder, [request], { eos: [] })
    expect(found?.map(({ tokens }) => tokens)).toEqual(plain?.map(({ tokens }) => tokens))
    expect(found?.map(({ tokens }) => tokens)).not.toEqual(base?.map(({ tokens }) => tokens))
    expect(engine.memory().tensors).toBe(before)
    lora.free()
    freeDecoder(decoder)
    engine.close()
  })

  it("half of an adapter laid out is a mistake, and said so", async () => {
    const engine = await create()
    const upload = (name: string, shape: readonly [number, number]) =>
      engine.upload(numbers(name, shape[0] * shape[1]), shape, "f32")
    engine.scope(() => {
      const [w, a, b] = [upload("w", [256, 128]), upload("a", [128, 128]), upload("b", [256, 128])]
      const [packedW, packedA] = [engine.packed?.([w]), engine.packed?.([a])]
      if (packedW === undefined || packedA === undefined) throw new Error("too small for the layout")
      const lora = { a: packedA, b, scale: 1 }
      expect(() => engine.linear(upload("x", [2, 128]), packedW, { lora })).toThrow(EngineMisuse)
      expect(() => engine.linear(upload("x", [2, 128]), w, { lora })).toThrow(EngineMisuse)
      for (const weight of [w, packedW]) expect(() => engine.linear(packedW, weight)).toThrow(EngineMisuse)
    })
    engine.close()
  })

  it.each(checkpoints)("change no sampled token of %s, and hardly its log-probability", async (folder) => {
    const engine = await create({ threads: 1 })
    const before = engine.memory().tensors
    const { decoder } = Effect.runSync(
      Effect.flatMap(openCheckpoint(folder), (found) => loadDecoder(engine, found, { merges: false })),
    )
    const requests = [0, 1].map((temperature): GenerateRequest => ({
      prompt: Array.from(stream(2, "prompt").uniform(23, 3, 500), Math.floor),
      n: 3,
      params: { temperature, maxNewTokens: 24 },
      key: { seed: 2, step: temperature, prompt: 0 },
    }))
    let laidOut = 0
    const watched = (): Engine =>
      new Proxy(engine, {
        get: (target, key) => {
          const value: unknown = Reflect.get(target, key)
          if (key !== "packed") return typeof value === "function" ? value.bind(target) : value
          return (ws: Parameters<NonNullable<Engine["packed"]>>[0]) => {
            const made = target.packed?.(ws)
            if (made !== undefined) laidOut++
            return made
          }
        },
      })
    const found = generate({ ...decoder, engine: watched() }, requests, { eos: [] }).flat()
    const plain = generate({ ...decoder, engine: without(engine) }, requests, { eos: [] }).flat()
    expect(found.map(({ tokens }) => tokens)).toEqual(plain.map(({ tokens }) => tokens))
    found.forEach(({ logprobs }, i) =>
      logprobs.forEach((x, t) => expect(x).toBeCloseTo(plain[i]?.logprobs[t] ?? Number.NaN, 4)),
    )
    // A type that torch widens is not laid out.
    expect(laidOut > 0).toBe(decoder.weights.head.dtype === "f32")
    freeDecoder(decoder)
    expect(engine.memory().tensors).toBe(before)
    engine.close()
  })
})
