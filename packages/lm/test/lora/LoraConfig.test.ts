/** PEFT's rules: which layers a configuration picks, with which rank and scale; and how an adapter begins. */
import { create } from "@hmx/engine-tfjs"
import { Errors } from "hmx"
import { describe, expect, it } from "vitest"
import { Lora } from "../../src/lora/Lora.ts"
import { loraConfig, loraTargets, type LoraConfig } from "../../src/lora/LoraConfig.ts"
import { tinySpec } from "../_internals/tinyDecoder.ts"

const paths = (config: LoraConfig) => loraTargets(tinySpec, config).map(({ layer, linear }) => `${layer}.${linear}`)

const scales = (given: LoraConfig) =>
  loraTargets(tinySpec, given)
    .filter(({ linear }) => linear.endsWith("q_proj") || linear.endsWith("up_proj"))
    .map(({ rank, scale }) => [rank, scale])

describe("loraTargets", () => {
  it("takes names, all linear layers, and a regular expression of the whole path", () => {
    expect(paths(loraConfig({ rank: 4 }))).toHaveLength(14)
    expect(paths(loraConfig({ rank: 4, targets: ["q_proj", "mlp.up_proj"] }))).toEqual([
      "0.self_attn.q_proj",
      "0.mlp.up_proj",
      "1.self_attn.q_proj",
      "1.mlp.up_proj",
    ])
    const pattern = { ...loraConfig({ rank: 4 }), targets: String.raw`.*layers\.1\.self_attn\.(q|k)_proj` }
    expect(paths(pattern)).toEqual(["1.self_attn.q_proj", "1.self_attn.k_proj"])
    expect(() => paths({ ...pattern, targets: String.raw`layers\.1` })).toThrow(Errors.BadInput)
    expect(() => paths({ ...pattern, targets: "(" })).toThrow(Errors.BadInput)
    expect(() => paths(loraConfig({ rank: 4, targets: ["q_proj", "q_prj"] }))).toThrow("q_prj")
    expect(() => paths(loraConfig({ rank: 0 }))).toThrow(Errors.BadInput)
  })

  it("scales by alpha / rank or alpha / √rank, of the patterns where one matches", () => {
    const config = {
      ...loraConfig({ rank: 4, alpha: 12 }),
      rankPattern: { q_proj: 9 },
      alphaPattern: { "layers.1.*": 6 },
    }
    expect(scales(config)).toEqual([
      [9, 12 / 9],
      [4, 3],
      [9, 6 / 9],
      [4, 1.5],
    ])
    expect(scales({ ...config, rslora: true })).toEqual([
      [9, 4],
      [4, 6],
      [9, 2],
      [4, 3],
    ])
  })
})

describe("a new adapter", () => {
  it("has A within ±1/√in, B zero, and depends on its seed alone", async () => {
    const engine = await create()
    const make = (seed: number) => Lora.create(engine, tinySpec, loraConfig({ rank: 4 }), seed)
    const [one, same, other] = [make(1), make(1), make(2)]
    expect(same.digest()).toBe(one.digest())
    expect(one.digest()).toMatch(/^[0-9a-f]{16}$/)
    expect(other.digest()).not.toBe(one.digest())
    for (const [key, { data, shape }] of one.state().tensors) {
      if (key.includes("lora_B")) expect(data.every((x) => x === 0)).toBe(true)
      else {
        const bound = 1 / Math.sqrt(shape[1] ?? 0)
        expect(data.every((x) => Math.abs(x) <= bound)).toBe(true)
        // Uniform: a standard deviation of bound / √3.
        const deviation = Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length)
        expect(deviation / (bound / Math.sqrt(3))).toBeGreaterThan(0.75)
      }
    }
    engine.close()
  })
})
