import { create as tfjs } from "@hmx/engine-tfjs"
import * as Effect from "effect/Effect"
import { LanguageModel } from "hmx"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it, vi } from "vitest"
import { EngineOutOfMemory } from "../src/Engine.ts"
import * as LocalLanguageModel from "../src/local/LocalLanguageModel.ts"
import { noteSpeed, probe, readSpeed, speedFile } from "../src/speed.ts"
import { fixture } from "./_internals/fixtures.ts"

const scratch = mkdtempSync(join(tmpdir(), "hmx-speed-"))
afterAll(() => rmSync(scratch, { recursive: true }))

const raise = () => {
  throw new EngineOutOfMemory(1, "upload")
}

it("a probe leaves nothing on the engine; what is noted stays until engine or threads are others", async () => {
  const engine = await tfjs()
  const before = engine.memory().tensors
  const { bytesPerWeight, call, memory, product } = probe(engine, 4)
  expect(engine.memory().tensors).toBe(before)
  expect(bytesPerWeight).toBe(4)
  expect(Math.min(call, memory, product)).toBeGreaterThan(0)

  const file = speedFile(scratch, engine.info.name, engine.info.device, 4)
  const note = noteSpeed(engine, 4, scratch)
  const read = () => Effect.runSync(readSpeed(file))
  Effect.runSync(note)
  const noted = read()
  expect(noted?.engine).toEqual({
    name: engine.info.name,
    version: engine.info.version,
    device: "cpu",
    threads: engine.info.threads,
  })
  const text = JSON.stringify({ ...noted, product: 5 })
  writeFileSync(file, text)
  Effect.runSync(note)
  expect(readFileSync(file, "utf8")).toBe(text)
  writeFileSync(file, text.replace(/"threads":\d+/, '"threads":77'))
  Effect.runSync(note)
  expect(read()?.engine.threads).toBe(engine.info.threads)
  writeFileSync(file, text.replace('"product":5', '"product":-5'))
  expect(read()).toBeUndefined()
  Effect.runSync(note)
  expect(read()?.product).toBeGreaterThan(5)
  engine.close()
})

const size = (dims: ReadonlyArray<number>) => dims.reduce((a, b) => a * b, 1)

it.each([
  ["a GPU, which has done a small product before the next is asked", 1e-4, 1e12, 1e11, 2],
  ["a processor", 1e-6, 5e9, 1e10, 4],
] as const)("of %s, products are measured beside what a call costs", async (_, call, product, memory, width) => {
  const engine = await tfjs()
  let [now, work] = [0, 0]
  const spend = (seconds: number) => {
    work += call + seconds
  }
  const asked: Array<string> = []
  const fake = Object.setPrototypeOf(
    {
      info: engine.info,
      scope: (body: () => unknown) => body(),
      frozen: (weights: unknown) => weights,
      upload: (_data: unknown, shape: ReadonlyArray<number>) => ({ shape }),
      download: () => {
        now += work * 1000
        work = 0
      },
      add: () => (spend(0), {}),
      linear: (x: { readonly shape: ReadonlyArray<number> }, w: { readonly shape: ReadonlyArray<number> }) => {
        asked.push(x.shape.join())
        spend(
          (x.shape[0] ?? 0) > 1 ? (2 * (x.shape[0] ?? 0) * size(w.shape)) / product : (width * size(w.shape)) / memory,
        )
        return {}
      },
    },
    engine,
  )
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now)
  try {
    const found = probe(fake, width)
    expect(found.call / call).toBeCloseTo(1, 5)
    expect(found.product / product).toBeCloseTo(1, 1)
    expect(found.memory / memory).toBeCloseTo(1, 1)
    // A slow machine is not asked for more than the smallest.
    if (width === 4) expect(new Set(asked)).toEqual(new Set(["128,512", "1,1024"]))
  } finally {
    clock.mockRestore()
    engine.close()
  }
})

it("an engine without room for the probe is loaded all the same, and nothing is noted", async () => {
  const engine = await tfjs()
  const folder = join(scratch, "full")
  const full = { ...engine, info: engine.info, scope: () => void raise() }
  Effect.runSync(noteSpeed(Object.setPrototypeOf(full, engine), 4, folder))
  expect(() => readdirSync(folder)).toThrow("ENOENT")
  engine.close()
})

it("a model that is loaded notes its engine's speed where it is told to", async () => {
  const folder = join(scratch, "loaded")
  const layer = LocalLanguageModel.layer({
    checkpointFolder: fixture("checkpoints/qwen3"),
    engineModule: import.meta.resolve("@hmx/engine-tfjs"),
    speedFolder: folder,
  })
  const { name } = await Effect.runPromise(
    Effect.map(LanguageModel, ({ info }) => info.engine).pipe(Effect.provide(layer)),
  )
  expect(Effect.runSync(readSpeed(speedFile(folder, name, "cpu", 4)))?.engine.name).toBe(name)
})
