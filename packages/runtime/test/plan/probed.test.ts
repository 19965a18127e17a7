import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { plan, run } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { LanguageModel, type ModelShape } from "hmx"
import { appendFileSync } from "node:fs"
import { probed } from "../../src/plan/probed.ts"
import { experiment, folder, options, scripted } from "../experiment.ts"

const shape: ModelShape = {
  family: "qwen3",
  layers: 2,
  hidden: 10,
  heads: 2,
  kvHeads: 1,
  headDim: 5,
  ffn: 20,
  vocab: 100,
  tied: true,
  context: 64,
  parameters: 3000,
  bytesPerWeight: 4,
}
const speed = { product: 1000, memory: 500, call: 0.25, engine: { threads: 1 } }
const none = { read: 0, written: 0, trained: 0 }
// Operations of attention for a token: 2 × 2 layers × 2 heads × 5 × a length of 10.
const attention = 400
const pass = 32 * 2 * 0.25

const of = (tokens: Partial<typeof none>, newTokens = 0, model = shape) =>
  probed(model, speed, { tokens: { ...none, ...tokens }, newTokens, length: 10 })
const locate = (file: string | URL) => ({ path: String(file), name: String(file) })

describe("the time of tokens by an engine's probe", () => {
  it("is by operations where many are read or trained on", () => {
    expect(of({})).toBe(0)
    expect(of({ read: 7 })).toBeCloseTo((7 * (2 * 3000 + attention)) / 1000 + pass, 9)
    expect(of({ trained: 7 })).toBeCloseTo((7 * (4 * 3000 + 3 * attention)) / 1000 + 4 * pass, 9)
    // An embedding that is no head as well is not computed with.
    expect(of({ read: 7 }, 0, { ...shape, tied: false })).toBeCloseTo((7 * (2 * 2000 + attention)) / 1000 + pass, 9)
  })

  it("is by the bytes of weights and cache where few answers are written, and by operations where many are", () => {
    const cache = 4 * 2 * 2 * 1 * 5 * 10
    // One answer of 4 tokens.
    expect(of({ written: 4 }, 4)).toBeCloseTo(4 * ((3000 * 4 + cache) / 500 + pass), 9)
    // Ten.
    expect(of({ written: 40 }, 4)).toBeCloseTo(4 * ((10 * (2 * 3000 + attention)) / 1000 + pass), 9)
  })
})

describe("a plan", () => {
  const model = { ...scripted(), speed: Effect.succeed({ ...speed, product: 2e9, memory: 1e9, call: 1e-5 }) }

  it.effect("without earlier runs estimates its time from the engine's probe, and says so", () =>
    Effect.gen(function* () {
      const { stages, time } = yield* plan(experiment({ steps: 3 }), { model, locate })
      expect(time).toMatchObject({ source: "probe" })
      expect(time.from).toContain("the engine's probe: 2.00 GFLOP/s, 1.00 GB/s, 1 thread")
      const sum = stages.reduce((all, { seconds, times }) => all + (seconds ?? Number.NaN) * times, 0)
      expect(time.seconds).toBeCloseTo(sum, 9)
      expect(sum).toBeGreaterThan(0)
      // Twice the speed is half the time.
      const fast = {
        ...model,
        speed: Effect.succeed({ product: 4e9, memory: 2e9, call: 5e-6, engine: { threads: 1 } }),
      }
      expect((yield* plan(experiment({ steps: 3 }), { model: fast, locate })).time.seconds).toBeCloseTo(sum / 2, 9)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("with neither says that the time is not known", () =>
    Effect.gen(function* () {
      const unknown = { ...scripted(), speed: Effect.undefined }
      const { time } = yield* plan(experiment({ steps: 1 }), { model: unknown, locate })
      expect(time).toMatchObject({ source: "none", seconds: null })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("goes by earlier runs first, and by the probe for what these have not done", () =>
    Effect.gen(function* () {
      const path = folder()
      const x = experiment({ steps: 1 })
      yield* run(x, { ...options(`${path}/run`), store: `${path}/store` })
      const { engine } = Effect.runSync(Effect.provide(LanguageModel, scripted().layer)).info
      const work = { sample: { seconds: 2, read: 10, written: 100, trained: 0 } }
      appendFileSync(
        `${path}/run/events.jsonl`,
        `${JSON.stringify({ _tag: "StepFinished", seconds: 2, memory: { work } })}\n`,
      )
      const here = { ...model, shape: { ...model.shape, engine: engine.name } }
      const { stages, time } = yield* plan(experiment({ steps: 2 }), { model: here, locate, store: `${path}/store` })
      expect(time.source).toBe("runs and probe")
      const sample = stages.find(({ stage }) => stage === "Sample")
      expect(sample?.seconds).toBeCloseTo(((sample?.tokens?.written ?? 0) * 2) / 100, 9)
      expect(stages.find(({ stage }) => stage === "LoRAUpdate")?.seconds).toBeGreaterThan(0)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
