/** Layers with a sliding window: what lies behind the window has no influence, in packed rows and in the cache alike. */
import { create } from "@hmx/engine-tfjs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { DecoderSpec } from "../../src/decoder/DecoderSpec.ts"
import { generate } from "../../src/sample/generate.ts"
import { sequenceLogProbs } from "../../src/train/forwardBackward.ts"
import { tinyDecoder, tinyLora, tinySpec } from "../_internals/tinyDecoder.ts"

const window = 5
const sliding = (...layers: ReadonlyArray<boolean>): DecoderSpec => ({
  ...tinySpec,
  family: "gemma3_text",
  sliding: { window, layers, ropeTheta: 100 },
  ropeScaling: { kind: "linear", factor: 4 },
  postNorms: true,
  attentionSoftcap: 3,
  logitSoftcap: 8,
  activation: "gelu_tanh",
})

const request = (prompt: ReadonlyArray<number>, seed: number) => ({
  prompt,
  n: 3,
  params: { maxNewTokens: 20, temperature: 1 },
  key: { seed, step: 0, prompt: 0 },
})

const engine = await create()
const everywhere = tinyDecoder(engine, sliding(true, true))
const alternating = tinyDecoder(engine, sliding(true, false))

const tokens = fc.array(fc.integer({ min: 0, max: 49 }), { minLength: 24, maxLength: 40 })
const last = (decoder: typeof everywhere, sequence: ReadonlyArray<number>) =>
  sequenceLogProbs(decoder, undefined, [{ tokens: sequence, from: sequence.length - 1 }])

describe("a sliding window", () => {
  // Each of two layers sees window − 1 tokens back, and the last token is only a target.
  const reach = 2 * (window - 1)
  it("hides what is further back than all layers together reach, and nothing nearer", () => {
    fc.assert(
      fc.property(tokens, fc.integer({ min: 0, max: 23 }), (sequence, back) => {
        const place = sequence.length - 2 - back
        const changed = sequence.with(place, ((sequence[place] ?? 0) + 1) % 50)
        const same = (decoder: typeof everywhere) =>
          JSON.stringify(last(decoder, sequence)) === JSON.stringify(last(decoder, changed))
        if (place < 0) return
        // A token's place among the keys of a bucket does not change, so neither do the bits of what does not see it.
        expect(same(everywhere)).toBe(back > reach)
        expect(same(alternating)).toBe(false)
      }),
      { numRuns: 40 },
    )
  })

  it("packed rows have the same bits alone and together", () => {
    const lora = tinyLora(alternating)
    const sequence = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 2, maxLength: 24 })
    fc.assert(
      fc.property(fc.array(sequence, { minLength: 2, maxLength: 6 }), (list) => {
        const given = list.map((x) => ({ tokens: x, from: 1 }))
        const alone = given.flatMap((one) => sequenceLogProbs(alternating, lora, [one]))
        expect(sequenceLogProbs(alternating, lora, given)).toEqual(alone)
      }),
      { numRuns: 20 },
    )
    lora.free()
  })

  it("cached decoding scores what packed rows score, and does not depend on its neighbours", () => {
    const prompts = [[4], Array.from({ length: 19 }, (_, i) => (7 * i) % 50)]
    const requests = prompts.map((prompt, i) => request(prompt, i))
    const together = generate(alternating, requests, { eos: [] })
    expect(requests.flatMap((one) => generate(alternating, [one], { eos: [], maxRows: 2 }))).toEqual(together)
    prompts.forEach((prompt, i) =>
      together[i]?.forEach((completion) => {
        const sequence = { tokens: [...prompt, ...completion.tokens], from: prompt.length }
        const [scored] = sequenceLogProbs(alternating, undefined, [sequence])
        completion.logprobs.forEach((x, t) => expect(x).toBeCloseTo(scored?.logprobs[t] ?? Number.NaN, 4))
      }),
    )
  })
})
