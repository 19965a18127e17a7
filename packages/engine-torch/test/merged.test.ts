/** A small model's adapter, added to the weights: the same answers and scores as beside them. */
import { create } from "@hmx/engine-torch"
import { freeDecoder, generate, sequenceLogProbs, stream } from "@hmx/lm"
import type { Decoder, GenerateRequest } from "@hmx/lm"
import { describe, expect, it } from "vitest"
import { tinyDecoder, tinyLora, tinySpec } from "../../lm/test/_internals/tinyDecoder.ts"
import { absent } from "./_internals/present.ts"

const specs = { "with norms of heads": tinySpec, "with biases": { ...tinySpec, qkNorm: false, qkvBias: true } }
const tokens = (name: string, n: number) =>
  Array.from(stream(1, name).uniform(n, 2, tinySpec.vocab), (x) => Math.floor(x))

describe.skipIf(absent !== undefined)("an adapter added to the weights", () => {
  it.each(Object.entries(specs))("%s", async (_, spec) => {
    for (const threads of [1, 2]) {
      const engine = await create({ threads })
      const beside = tinyDecoder(engine, spec)
      const merges: Decoder = { ...beside, merges: true }
      const lora = tinyLora(beside)
      const some = tinyLora(beside, ["q_proj", "down_proj"])
      const before = engine.memory().tensors
      const requests = [3, 17, 40].map((length, prompt): GenerateRequest => ({
        prompt: tokens(`prompt ${prompt}`, length),
        n: 1 + prompt,
        params: { temperature: prompt % 2, maxNewTokens: 20 },
        key: { seed: 1, step: 0, prompt },
      }))
      const sequences = [5, 30, 90].map((n) => ({ tokens: tokens(`scored ${n}`, n), from: 2 }))
      for (const by of [undefined, lora, some]) {
        const together = generate(merges, requests, { eos: [], lora: by })
        const texts = (all: typeof together) => all.map((group) => group.map((one) => one.tokens))
        expect(texts(together)).toEqual(texts(generate(beside, requests, { eos: [], lora: by })))
        // Each request's bits are its own.
        expect(requests.flatMap((one) => generate(merges, [one], { eos: [], lora: by, maxRows: 1 }))).toEqual(together)
        const scored = sequenceLogProbs(merges, by, sequences)
        sequenceLogProbs(beside, by, sequences).forEach(({ logprobs }, i) =>
          logprobs.forEach((x, t) => expect(scored[i]?.logprobs[t]).toBeCloseTo(x, 4)),
        )
        expect(sequences.flatMap((one) => sequenceLogProbs(merges, by, [one]))).toEqual(scored)
      }
      expect(engine.memory().tensors).toBe(before)
      lora.free()
      some.free()
      freeDecoder(beside)
      engine.close()
    }
  })
})
