/** How many layers' activations are kept changes memory and no bit of the gradient: a suite for each engine. */
import { expect, test } from "vitest"
import type { Engine } from "../../src/index.ts"
import { freeDecoder } from "../../src/decoder/Decoder.ts"
import { forwardBackward } from "../../src/train/forwardBackward.ts"
import { tinyDecoder, tinyLora, tinySpec } from "../_internals/tinyDecoder.ts"

export const keptLayers = (make: (memory?: number) => Promise<Engine>): void => {
  const layers = 6
  const tokens = Array.from({ length: 40 }, (_, i) => 2 + i)
  const request = {
    groups: [{ prompt: [3], completions: [{ tokens, advantage: 1 }] }],
    loss: { loss: "dapo" } as const,
    maxCompletionLength: 40,
  }

  /** On an engine: gradient and peak of one update that keeps so much. */
  const updates = (engine: Engine) => {
    const deep = tinyDecoder(engine, { ...tinySpec, layers })
    const once = (how: { readonly keepBytes?: number; readonly recompute?: boolean }) => {
      const lora = tinyLora(deep)
      const before = engine.memory().bytes
      engine.resetPeak()
      forwardBackward(deep, lora, { ...request, ...how })
      const peak = engine.memory().peak - before
      const gradient = lora.parameters.map((p) => (p.gradient === undefined ? [] : engine.download(p.gradient)))
      lora.free()
      return { gradient, peak }
    }
    // What an engine finds out about itself at its first products is not part of an update.
    once({})
    const end = () => {
      freeDecoder(deep)
      engine.close()
    }
    return { once, end }
  }

  test("the gradient is the same however many layers are kept, and every one that is not saves memory", async () => {
    const { end, once } = updates(await make())
    const [all, none] = [once({ recompute: false }), once({ recompute: true })]
    expect(all.gradient.flatMap((g) => Array.from(g)).some((x) => x !== 0)).toBe(true)
    expect(none.gradient).toEqual(all.gradient)
    expect(none.peak).toBeLessThan(0.7 * all.peak)
    // From no byte to more than all of them, in halves of a layer.
    const found = Array.from({ length: 2 * layers + 3 }, (_, halves) =>
      once({ keepBytes: (halves * all.peak) / layers / 2 }),
    )
    for (const { gradient } of found) expect(gradient).toEqual(all.gradient)
    const peaks = found.map(({ peak }) => peak)
    expect(peaks).toEqual(peaks.toSorted((a, b) => a - b))
    expect([peaks[0], peaks.at(-1)]).toEqual([none.peak, all.peak])
    expect(new Set(peaks).size).toBeGreaterThanOrEqual(layers - 2)
    // Nobody has limited this engine.
    expect(once({}).peak).toBe(all.peak)
    end()
  })

  test("of an engine's limit a quarter stays free, whatever may be kept; all is all", async () => {
    const limit = 2 ** 24
    const engine = await make(limit)
    const { end, once } = updates(engine)
    const [all, none] = [once({ recompute: false }), once({ recompute: true })]
    const size = Math.ceil((0.8 * limit) / 4)
    const ballast = engine.upload(new Float32Array(size), [size], "f32")
    for (const how of [{}, { keepBytes: 2 ** 30 }]) expect(once(how)).toEqual(none)
    expect(once({ recompute: false })).toEqual(all)
    engine.free(ballast)
    expect(once({ keepBytes: 2 ** 30 })).toEqual(all)
    end()
  })
}
