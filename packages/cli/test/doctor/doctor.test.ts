import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { parseGpus } from "../../src/doctor/gpus.ts"
import { fits as fitsEffect, paperModels } from "../../src/doctor/paperModels.ts"
import { problems } from "../../src/doctor/problems.ts"
import { parseFeatures } from "@hmx/lm"
import { render } from "../../src/doctor/render.ts"

const GiB = 2 ** 30
const fits = (...given: Parameters<typeof fitsEffect>) => Effect.runSync(fitsEffect(...given))

describe("the paper's models", () => {
  test.each([
    ["Qwen3-0.6B", 596_049_920],
    ["gemma-2-2b-it", 2_614_341_888],
    ["Llama-3.2-3B-Instruct", 3_212_749_824],
    ["Qwen3-4B", 4_022_468_096],
    ["Qwen3-8B", 8_190_735_360],
  ])("%s has as many parameters as its checkpoint", (name, parameters) => {
    expect(Effect.runSync(paperModels(2)).find((model) => model.name === name)?.shape.parameters).toBe(parameters)
  })

  test("more memory never takes a model away, and never wants more sparing settings than less", () => {
    const order = [undefined, "microBatchGroups: 1", "as it is, layers computed twice", "as it is"]
    const [small, large] = [fits(12 * GiB, 2), fits(80 * GiB, 2)]
    for (const [i, fit] of small.entries())
      expect(order.indexOf(large[i]?.settings)).toBeGreaterThanOrEqual(order.indexOf(fit.settings))
    expect(large.every(({ settings }) => settings !== undefined)).toBe(true)
    expect(fits(GiB, 2).every(({ settings }) => settings === undefined)).toBe(true)
    for (const { bytes, settings } of small) expect(bytes <= 12 * GiB).toBe(settings !== undefined)
  })
})

test("what does not fit into what is free is not said to fit now", () => {
  const [large, small] = [fits(24 * GiB, 2), fits(24 * GiB, 2, 8 * GiB)]
  for (const [i, fit] of small.entries()) {
    expect(fit.now).toBe(fit.bytes <= 8 * GiB)
    // It still fits once the rest is free, and what fits now may be more sparing.
    expect(fit.settings === undefined).toBe(large[i]?.settings === undefined)
  }
  expect(new Set(small.map(({ now }) => now)).size).toBe(2)
  const models = { room: 24 * GiB, free: 8 * GiB, fits: small }
  const text = render({ ...machine, models, problems: [] })
  expect(text).toContain("within 24.0 GiB, 8.00 GiB of it free")
  expect(text).toMatch(/^Qwen3-4B .*, once as much is free$/m)
  expect(text).not.toMatch(/^Qwen3-0\.6B .*once/m)
})

test("what nvidia-smi and /proc/cpuinfo say", () => {
  expect(parseGpus("NVIDIA H200, 570.1, 143771, 143000\nnonsense\n")).toEqual([
    { name: "NVIDIA H200", driver: "570.1", memory: 143_771 * 2 ** 20, free: 143_000 * 2 ** 20 },
  ])
  expect(parseFeatures("flags\t\t: fpu avx2 fma avx512f avx512_bf16\n")).toEqual([
    "avx2",
    "fma",
    "avx512",
    "avx512-bf16",
  ])
  expect(parseFeatures("hw: x\n")).toBeUndefined()
})

const machine = {
  node: "24.1.0",
  platform: "linux-x64",
  processor: { model: "\u001b[31mX", cores: 2, features: ["avx2", "avx512-bf16"] },
  memory: { total: 24 * GiB, available: 20 * GiB },
  disk: { folder: "/h", free: 50 * GiB },
  gpus: [],
  engines: [{ name: "torch", present: true, version: "2.13.0+cpu", device: "cpu", how: "python3" }],
  unfinished: [],
  auto: { engine: "torch", device: "cpu" },
  models: { room: 24 * GiB, free: 20 * GiB, fits: fits(24 * GiB, 2, 20 * GiB) },
} as const

test("a good machine has no problems, and each lack its own sentence", () => {
  expect(problems(machine)).toEqual([])
  const gpu = { name: "G", driver: "1", memory: 8 * GiB, free: 8 * GiB }
  expect(problems({ ...machine, gpus: [gpu] })).toEqual([expect.stringContaining("install torch --cuda")])
  const named = "engine tensorflow: found no compiled @tensorflow/tfjs-node-gpu in HMX_TENSORFLOW (/nope); expected one"
  const cut = "engine tensorflow: found a library that is cut off in /x; expected a whole one"
  const none =
    "engine tensorflow: found no compiled @tensorflow/tfjs-node-gpu in the working directory's packages; expected one"
  const without = (how: string) =>
    problems({ ...machine, engines: [...machine.engines, { name: "tensorflow", present: false, how }] })
  expect([without(named), without(cut), without(none)]).toEqual([[named], [cut], []])
  const absent = (how: string) => problems({ ...machine, engines: [{ name: "torch", present: false, how }] })
  expect(absent("engine torch: found no libtorch")).toEqual(["engine torch: found no libtorch (real models want it)"])
  expect(absent("/x: found torch 1.9.0; expected PyTorch")).toEqual([
    expect.stringContaining("found torch 1.9.0; expected PyTorch"),
  ])
  const half = "engine torch: an install that did not finish; `npx hmx engine install torch` makes it again"
  const unfinished = ["torch"] as const
  expect(problems({ ...machine, unfinished })).toEqual([half])
  const besides = (how: string) =>
    problems({ ...machine, unfinished, engines: [{ name: "torch", present: false, how }] })
  expect(besides("engine torch: found no libtorch")).toEqual([half])
  expect(besides("/x: found torch 1.9.0")).toEqual([half, expect.stringContaining("torch 1.9.0")])
  expect(problems({ ...machine, node: "22.1.0" })).toEqual([expect.stringContaining("Node 24")])
  expect(problems({ ...machine, disk: { folder: "/h", free: 1 } })).toEqual([expect.stringContaining("HMX_HOME")])
  expect(problems({ ...machine, models: { room: GiB, free: GiB, fits: fits(GiB, 2) } })).toEqual([
    expect.stringContaining("no model of the paper fits"),
  ])
})

test("the report names what it found, and escapes it", () => {
  const text = render({ ...machine, problems: ["a problem"] })
  expect(text).toContain("engine torch: 2.13.0+cpu, cpu, found by: python3")
  expect(text).toContain("- a problem")
  expect(text).not.toContain("\u001b")
})
