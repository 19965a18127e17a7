import { create } from "@hmx/engine-tfjs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { DecoderSpec, Engine } from "@hmx/lm"
import { Pretrainer } from "@hmx/lm"
import { orthogonalize } from "../../src/train/muon.ts"
import { stream } from "../../src/random/index.ts"

const spec: DecoderSpec = {
  family: "qwen3",
  layers: 2,
  hidden: 16,
  heads: 2,
  kvHeads: 1,
  headDim: 8,
  ffn: 24,
  vocab: 40,
  context: 32,
  normEps: 1e-6,
  ropeTheta: 1e4,
  activation: "silu",
  tied: true,
  qkNorm: true,
  qkvBias: false,
}
/** Every token is the one before it plus 3: a rule that two layers can learn. */
const batch = (seed: number) => {
  const numbers = stream(seed, "batch")
  return Array.from({ length: 8 }, () => {
    const first = numbers.below(40)
    const ids = Array.from({ length: 12 }, (_, i) => (first + 3 * i) % 40)
    return { ids, weights: ids.map(() => 1) }
  })
}

describe("pretraining", () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await create({ backend: "wasm", threads: 1 })
  })
  afterAll(() => engine.close())

  it("learns a rule, and leaves nothing on the engine", () => {
    const before = engine.memory().tensors
    const trainer = Pretrainer.create(engine, spec, 1)
    const losses = Array.from({ length: 80 }, (_, i) => trainer.step(batch(i), 3 * Math.min(1, (i + 1) / 5)).loss)
    expect(losses[0]).toBeGreaterThan(3)
    expect(losses.at(-1)).toBeLessThan(1.2)
    trainer.free()
    expect(engine.memory().tensors).toBe(before)
  })

  it("goes on from its state as if it had not stopped", () => {
    const whole = Pretrainer.create(engine, spec, 2)
    for (let i = 0; i < 3; i++) whole.step(batch(i), 1)
    const again = Pretrainer.restore(engine, spec, whole.steps, whole.state())
    expect(again.step(batch(3), 1)).toEqual(whole.step(batch(3), 1))
    expect(again.weights()).toEqual(whole.weights())
    whole.free()
    again.free()
    expect(() => Pretrainer.restore(engine, spec, 0, new Map())).toThrow(
      /tensor model\.embed_tokens\.weight: found nothing|first\.|second\./,
    )
  })

  it("a weight of 0 keeps a token out of the loss", () => {
    const trainer = Pretrainer.create(engine, spec, 3)
    const [sequence] = batch(0)
    if (sequence === undefined) throw new Error("an empty batch")
    const masked = { ids: [...sequence.ids.slice(0, 11), 39], weights: sequence.ids.map((_, i) => (i === 11 ? 0 : 1)) }
    const short = { ids: sequence.ids.slice(0, 11), weights: sequence.weights.slice(0, 11) }
    const other = Pretrainer.create(engine, spec, 3)
    expect(trainer.step([masked], 1).loss).toBeCloseTo(other.step([short], 1).loss, 5)
    trainer.free()
    other.free()
  })

  it("Muon's update has singular values near 1, for tall and wide matrices", () => {
    engine.scope(() => {
      for (const shape of [
        [6, 10],
        [10, 6],
      ] as const) {
        const g = engine.upload(stream(4, "g").normal(60, 0, 3), shape, "f32")
        const update = orthogonalize(engine, g)
        expect(update.shape).toEqual(shape)
        // Σ of squared singular values, six of them between 0.7² and 1.2².
        const squares = engine.sumSquares([update])
        expect(squares).toBeGreaterThan(6 * 0.45)
        expect(squares).toBeLessThan(6 * 1.5)
      }
    })
  })
})
