/** What is sampled depends on a request alone: not on its neighbours, the size of the batch, or when rows leave and join. */
import { create } from "@hmx/engine-tfjs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { GenerateRequest } from "../../src/sample/generate.ts"
import { generate } from "../../src/sample/generate.ts"
import { sequenceLogProbs } from "../../src/train/forwardBackward.ts"
import { tinyDecoder, tinyLora } from "../_internals/tinyDecoder.ts"

const engine = await create()
const decoder = tinyDecoder(engine)
const eos = [0, 1]

const request = fc.record({
  prompt: fc.array(fc.integer({ min: 0, max: 49 }), { minLength: 1, maxLength: 40 }),
  n: fc.integer({ min: 1, max: 4 }),
  params: fc.record({
    maxNewTokens: fc.integer({ min: 1, max: 40 }),
    temperature: fc.constantFrom(0, 0.8, 1),
    topP: fc.constantFrom(0.9, 1),
    repetitionPenalty: fc.constantFrom(1, 1.1),
  }),
  key: fc.record({ seed: fc.nat(100), step: fc.nat(3), prompt: fc.nat(3) }),
})

const greedy = (prompt: number): GenerateRequest => ({
  prompt: [prompt],
  n: 2,
  params: { maxNewTokens: 30, temperature: 0 },
  key: { seed: 1, step: 0, prompt },
})

describe("generate", () => {
  it("each request's tokens and log-probabilities have the same bits in every batch, and nothing is left behind", () => {
    const lora = tinyLora(decoder)
    const before = engine.memory().tensors
    fc.assert(
      fc.property(
        fc.array(request, { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 1, max: 20 }),
        (list, maxRows) => {
          const alone = list.flatMap((one) => generate(decoder, [one], { lora, eos, maxRows: 1 }))
          expect(generate(decoder, list, { lora, eos })).toEqual(alone)
          expect(generate(decoder, list, { lora, eos, maxRows })).toEqual(alone)
          expect(engine.memory().tensors).toBe(before)
        },
      ),
      { numRuns: 12 },
    )
    lora.free()
  })

  it("ends at an end token, a stop token or the limit, and scores what training recomputes", () => {
    const given: GenerateRequest = {
      prompt: [5, 6, 7],
      n: 40,
      params: { maxNewTokens: 12, temperature: 0.7, topK: 40, stop: [9] },
      key: { seed: 1, step: 0, prompt: 0 },
    }
    const [completions = []] = generate(decoder, [given], { eos })
    const ends = new Set([...eos, 9])
    expect(new Set(completions.map(({ finish }) => finish))).toEqual(new Set(["stop", "length"]))
    for (const { tokens, finish } of completions) {
      expect(tokens.slice(0, -1).some((token) => ends.has(token))).toBe(false)
      expect(ends.has(tokens.at(-1) ?? -1)).toBe(finish === "stop")
      if (finish === "length") expect(tokens).toHaveLength(12)
    }
    const scored = sequenceLogProbs(
      decoder,
      undefined,
      completions.map(({ tokens }) => ({ tokens: [...given.prompt, ...tokens], from: 3 })),
      { temperature: 0.7 },
    )
    scored.forEach(({ logprobs }, i) =>
      logprobs.forEach((x, t) => expect(x).toBeCloseTo(completions[i]?.logprobs[t] ?? Number.NaN, 4)),
    )
    // Forty completions of one prompt are forty different draws.
    expect(new Set(completions.map(({ tokens }) => tokens.join())).size).toBeGreaterThan(20)
  })

  it("drops the rows of a request that is no longer wanted, and stops where the checkpoint throws", () => {
    const alone = generate(decoder, [greedy(4)], { eos: [] })
    let asked = 0
    const both = generate(decoder, [greedy(4), greedy(5)], { eos: [], dropped: (i) => i === 1 && ++asked > 6 })
    expect(both[0]).toEqual(alone[0])
    expect(both[1]?.[0]?.tokens.length).toBeLessThan(10)
    const before = engine.memory().tensors
    let layers = 0
    const stop = () => {
      if (++layers > 15) throw new Error("stopped")
    }
    expect(() => generate(decoder, [greedy(4)], { eos: [], checkpoint: stop })).toThrow("stopped")
    expect(engine.memory().tensors).toBe(before)
  })
})
