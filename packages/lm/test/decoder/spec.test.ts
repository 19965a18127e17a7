/** Every option of a `DecoderSpec`, against its definition: in scoring, in decoding with a cache, and in training. */
import { create } from "@hmx/engine-tfjs"
import { describe, expect, it } from "vitest"
import { freeDecoder } from "../../src/decoder/Decoder.ts"
import type { DecoderSpec } from "../../src/decoder/DecoderSpec.ts"
import { parameterCount } from "../../src/decoder/DecoderSpec.ts"
import { generate } from "../../src/sample/generate.ts"
import { lossGradient, sequenceLogProbs } from "../../src/train/forwardBackward.ts"
import { maxDifference } from "../_internals/fixtures.ts"
import { naiveLogits } from "../_internals/naiveDecoder.ts"
import { tinyDecoder, tinyLora, tinySpec, tinyWeights } from "../_internals/tinyDecoder.ts"

const engine = await create()

const variants: ReadonlyArray<readonly [string, Partial<DecoderSpec>]> = [
  ["Qwen3", {}],
  ["untied head", { tied: false }],
  ["biases on q, k and v, no norms of heads (Qwen2.5)", { qkNorm: false, qkvBias: true }],
  ["one key head for each query head, another RoPE base and epsilon", { kvHeads: 4, ropeTheta: 50, normEps: 0.1 }],
  [
    "soft caps, scaled embedding and attention, GELU (as in Gemma 2)",
    { attentionSoftcap: 0.7, logitSoftcap: 1.5, embeddingScale: 2, attentionScale: 0.6, activation: "gelu_tanh" },
  ],
]

const logprobs = (logits: ReadonlyArray<number>, temperature: number) => {
  const scaled = logits.map((x) => x / temperature)
  const total = Math.log(scaled.reduce((a, x) => a + Math.exp(x), 0))
  return scaled.map((x) => x - total)
}

describe.each(variants)("%s", (_, change) => {
  const spec: DecoderSpec = { ...tinySpec, ...change }
  const weights = tinyWeights(spec)
  const read = (name: string) => weights.get(name) ?? { data: new Float32Array(0), shape: [] }
  const tokens = [3, 14, 15, 9, 26, 5, 35, 8]

  it("log-probabilities, a cached answer and its scores are as defined", () => {
    expect([...weights.values()].reduce((a, { data }) => a + data.length, 0)).toBe(parameterCount(spec))
    const decoder = tinyDecoder(engine, spec)
    const golden = naiveLogits(spec, read, tokens).map((row) => logprobs(row, 0.8))
    const [scored] = sequenceLogProbs(decoder, undefined, [{ tokens, from: 1 }], { temperature: 0.8 })
    const wanted = tokens.slice(1).map((token, i) => golden[i]?.[token] ?? Number.NaN)
    expect(maxDifference(scored?.logprobs ?? [], wanted)).toBeLessThanOrEqual(1e-4)

    const params = { maxNewTokens: 6, temperature: 0 }
    const key = { seed: 0, step: 0, prompt: 0 }
    const [[answer] = []] = generate(decoder, [{ prompt: tokens, n: 1, params, key }], { eos: [] })
    const whole = [...tokens, ...(answer?.tokens ?? [])]
    expect(whole).toHaveLength(14)
    const rows = naiveLogits(spec, read, whole).slice(tokens.length - 1, -1)
    expect(answer?.tokens).toEqual(rows.map((row) => row.indexOf(Math.max(...row))))
    const scores = rows.map((row) => Math.max(...logprobs(row, 1)))
    expect(maxDifference(answer?.logprobs ?? [], scores)).toBeLessThanOrEqual(1e-4)
    freeDecoder(decoder)
    expect(engine.memory().tensors).toBe(0)
  })

  it("the gradient of an adapter is what small steps of its tensors do to the loss", () => {
    const decoder = tinyDecoder(engine, spec)
    const lora = tinyLora(decoder, ["k_proj", "down_proj"])
    const loss = () => {
      const [values] = sequenceLogProbs(decoder, lora, [{ tokens, from: 1 }])
      return (values?.logprobs ?? new Float32Array(0)).reduce((a, x) => a + x, 0)
    }
    lossGradient(decoder, lora, [{ tokens, from: 1 }], (values) => ({
      loss: 0,
      gradient: values.map(({ logprobs }) => Float64Array.from(logprobs, () => 1)),
      metrics: {},
    }))
    for (const parameter of lora.parameters) {
      const { gradient, tensor } = parameter
      if (gradient === undefined) throw new Error(`no gradient of ${parameter.key}`)
      // Along the gradient itself, where the slope is its squared length.
      const slope = engine.sumSquares([gradient])
      const width = 2e-2 / Math.sqrt(slope)
      const [up, down] = [width, -width].map((by) => {
        let found = 0
        engine.scope(() => {
          parameter.tensor = engine.add(tensor, engine.scale(gradient, by))
          found = loss()
        })
        return found
      })
      parameter.tensor = tensor
      expect(((up ?? 0) - (down ?? 0)) / (2 * width * slope)).toBeCloseTo(1, 1)
    }
    lora.free()
    freeDecoder(decoder)
    expect(engine.memory().tensors).toBe(0)
  })
})
