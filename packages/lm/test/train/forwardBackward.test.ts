/** The training step: what may be split, left out or not finite. */
import { create } from "@hmx/engine-tfjs"
import * as fc from "fast-check"
import type { ForwardBackwardRequest, TrainGroup } from "hmx"
import { Errors } from "hmx"
import { describe, expect, it } from "vitest"
import { sequenceLogits } from "../../src/decoder/inspect.ts"
import type { Lora } from "../../src/lora/Lora.ts"
import { Lora as LoraAdapter } from "../../src/lora/Lora.ts"
import { optimStep } from "../../src/lora/optimStep.ts"
import { floats } from "../../src/pack/floats.ts"
import { pack } from "../../src/pack/pack.ts"
import { forwardBackward, lossGradient, sequenceLogProbs } from "../../src/train/forwardBackward.ts"
import { relativeError } from "../_internals/fixtures.ts"
import { tinyDecoder, tinyLora } from "../_internals/tinyDecoder.ts"

const engine = await create()
const decoder = tinyDecoder(engine)

const gradientOf = (lora: Lora) =>
  lora.parameters.flatMap(({ gradient, tensor }) =>
    Array.from(
      gradient === undefined ? new Float32Array(tensor.shape.reduce((a, b) => a * b, 1)) : floats(engine, gradient),
    ),
  )
const run = (requests: ReadonlyArray<Omit<ForwardBackwardRequest, "adapter">>) => {
  const lora = tinyLora(decoder)
  const results = requests.map((request) => forwardBackward(decoder, lora, request))
  const gradient = gradientOf(lora)
  lora.free()
  return { gradient, loss: results.reduce((sum, { loss }) => sum + loss, 0) }
}

const token = fc.integer({ min: 2, max: 49 })
const group = fc.record({
  prompt: fc.array(token, { minLength: 1, maxLength: 6 }),
  completions: fc.array(
    fc.record({
      tokens: fc.array(token, { minLength: 1, maxLength: 8 }),
      advantage: fc.constantFrom(-1, 0, 0.5, 2),
      inLoss: fc.constantFrom(true, true, true, false),
    }),
    { minLength: 2, maxLength: 4 },
  ),
})
const groups = fc.array(group, { minLength: 2, maxLength: 4 })
const counts = (list: ReadonlyArray<TrainGroup>) => {
  const all = list.flatMap(({ completions }) => completions)
  const tokens = all.filter(({ inLoss }) => inLoss !== false).reduce((sum, c) => sum + c.tokens.length, 0)
  return { rowsInBatch: all.length, tokensInBatch: tokens }
}

const completion = (tokens: ReadonlyArray<number>, advantage: number, inLoss: boolean) => ({
  tokens,
  advantage,
  inLoss,
})
const stop = () => {
  throw new Error("a layer was computed")
}

describe("forwardBackward", () => {
  it.each(["grpo", "dapo", "bnpo", "dr_grpo", "gspo"] as const)(
    "micro-batches of whole groups add up to the same loss and gradient (%s)",
    (loss) => {
      fc.assert(
        fc.property(groups, fc.constantFrom(0, 0.1), (list, beta) => {
          const common = { loss: { loss, beta }, temperature: 0.8, maxCompletionLength: 8, ...counts(list) }
          const whole = run([{ ...common, groups: list }])
          const split = run(list.map((one) => ({ ...common, groups: [one] })))
          expect(split.loss).toBeCloseTo(whole.loss, 5)
          if (whole.gradient.some((x) => x !== 0))
            expect(relativeError(split.gradient, whole.gradient)).toBeLessThanOrEqual(1e-4)
        }),
        { numRuns: 4 },
      )
    },
  )

  it("a completion out of the loss changes nothing but what the caller counts it in", () => {
    const kept = [completion([4, 5, 6], 1, true), completion([7, 8], -1, true)]
    const common = {
      loss: { loss: "grpo", beta: 0.1 } as const,
      maxCompletionLength: 8,
      rowsInBatch: 3,
      tokensInBatch: 5,
    }
    const without = run([{ ...common, groups: [{ prompt: [3], completions: kept }] }])
    const masked = run([{ ...common, groups: [{ prompt: [3], completions: [...kept, completion([9, 9], 5, false)] }] }])
    expect(masked).toEqual(without)
  })

  it("the reference is the base: its KL is 0 for a fresh adapter and above 0 for another", () => {
    const request = {
      groups: [{ prompt: [3, 4], completions: [{ tokens: [5, 6, 7], advantage: 0 }] }],
      loss: { loss: "dapo", beta: 1 } as const,
      maxCompletionLength: 8,
    }
    const other = tinyLora(decoder)
    const fresh = LoraAdapter.create(engine, decoder.spec, other.config, 1)
    expect(forwardBackward(decoder, fresh, request).metrics["kl"]).toBe(0)
    expect(forwardBackward(decoder, other, request).metrics["kl"]).toBeGreaterThan(1e-6)
    fresh.free()
    other.free()
  })

  it("groups without signal need no forward pass, and the step after them is allowed", () => {
    const lora = tinyLora(decoder)
    const request = {
      groups: [{ prompt: [3], completions: [{ tokens: [5], advantage: 0 }] }],
      loss: { loss: "dapo" } as const,
      maxCompletionLength: 8,
    }
    expect(forwardBackward(decoder, lora, request, stop)).toEqual({ loss: 0, metrics: {} })
    expect(optimStep(engine, lora, { learningRate: 1 })).toBe(0)
    lora.free()
  })
})

describe("the training temperature", () => {
  const prompt = [3, 4]
  const tokens = [5, 6, 7]
  const temperature = 2.5
  const sequence = [{ tokens: [...prompt, ...tokens], from: prompt.length }]
  const request = {
    // One completion with advantage 1 and no old log-probabilities: the gradient is that of −mean log π.
    groups: [{ prompt, completions: [{ tokens, advantage: 1 }] }],
    loss: { loss: "dapo" } as const,
    maxCompletionLength: 8,
    temperature,
  }

  it("gives log softmax(logits / T)", () => {
    const lora = tinyLora(decoder)
    const [found] = sequenceLogProbs(decoder, lora, sequence, { temperature })
    const logits = sequenceLogits(decoder, [...prompt, ...tokens], lora)
    lora.free()
    tokens.forEach((token, t) => {
      const at = (prompt.length - 1 + t) * decoder.spec.vocab
      const scaled = [...logits.subarray(at, at + decoder.spec.vocab)].map((x) => x / temperature)
      const expected = (scaled[token] ?? 0) - Math.log(scaled.reduce((sum, x) => sum + Math.exp(x), 0))
      expect(found?.logprobs[t]).toBeCloseTo(expected, 4)
    })
  })

  it("is in forwardBackward's gradient, as finite differences say", () => {
    const lora = tinyLora(decoder)
    const state = lora.state()
    forwardBackward(decoder, lora, request)
    const gradient = gradientOf(lora)
    const norm = Math.sqrt(gradient.reduce((sum, x) => sum + x * x, 0))
    lora.free()
    const meanLogprob = (h: number) => {
      let i = 0
      const tensors = new Map(
        Array.from(state.tensors, ([key, { data, shape }]) => [
          key,
          { shape, data: data.map((x) => x + (h * (gradient[i++] ?? 0)) / norm) },
        ]),
      )
      const moved = LoraAdapter.load(engine, decoder.spec, { ...state, tensors })
      const [found] = sequenceLogProbs(decoder, moved, sequence, { temperature })
      moved.free()
      return (found?.logprobs ?? new Float32Array(0)).reduce((sum, x) => sum + x, 0) / tokens.length
    }
    const h = 5e-3
    const slope = -(meanLogprob(h) - meanLogprob(-h)) / (2 * h)
    expect(Math.abs(slope / norm - 1)).toBeLessThan(0.01)
  })
})

it.each([false, true])(
  "a group's prompt computed once has the gradients of one computed for each completion, with fewer rows (recompute %s)",
  (recompute) => {
    fc.assert(
      fc.property(groups, (list) => {
        const sequences = list.flatMap(({ completions, prompt }) =>
          completions.map(({ tokens }) => ({ tokens: [...prompt, ...tokens], from: prompt.length })),
        )
        const one = (share: boolean) => {
          const lora = tinyLora(decoder)
          // Σ w · log p with weights of both signs, all different.
          const weights = sequences.map(({ from, tokens }, s) =>
            Float64Array.from({ length: tokens.length - from }, (_, t) => Math.sin(1 + s + 3 * t)),
          )
          const { loss } = lossGradient(
            decoder,
            lora,
            sequences,
            (values) => ({
              loss: values.reduce(
                (sum, { logprobs }, s) => sum + logprobs.reduce((all, x, t) => all + x * (weights[s]?.[t] ?? 0), 0),
                0,
              ),
              gradient: weights,
              metrics: {},
            }),
            { share, keepBytes: recompute ? 0 : Infinity },
          )
          const gradient = gradientOf(lora)
          lora.free()
          return { loss, gradient }
        }
        const [packed, each] = [one(true), one(false)]
        expect(packed.loss).toBeCloseTo(each.loss, 4)
        expect(relativeError(packed.gradient, each.gradient)).toBeLessThanOrEqual(1e-4)
        expect(pack(sequences).tokens.length).toBeLessThan(pack(sequences, { share: false }).tokens.length)
      }),
      { numRuns: 8 },
    )
  },
)

it.each([false, true])("an interruption between two layers leaves nothing behind (recompute %s)", (recompute) => {
  const lora = tinyLora(decoder)
  const before = engine.memory().tensors
  const request = {
    groups: [{ prompt: [3], completions: [{ tokens: [5, 6], advantage: 1 }] }],
    loss: { loss: "dapo" } as const,
    maxCompletionLength: 8,
    recompute,
  }
  // Two layers forward and two backward.
  for (let allowed = 0; allowed < 4; allowed++) {
    let layers = 0
    const checkpoint = () => {
      if (layers++ === allowed) stop()
    }
    expect(() => forwardBackward(decoder, lora, request, checkpoint)).toThrow("a layer was computed")
    expect(engine.memory().tensors).toBe(before)
    expect(lora.gathered).toBe(false)
  }
  lora.free()
})

describe("what is not finite", () => {
  const request = {
    groups: [{ prompt: [3], completions: [{ tokens: [5, 6], advantage: 1 }] }],
    loss: { loss: "dapo" } as const,
    maxCompletionLength: 8,
  }

  it("a NaN in the adapter is named, and the gathered gradient stays as it was", () => {
    const good = tinyLora(decoder)
    const state = good.state()
    const key = "base_model.model.model.layers.1.mlp.up_proj.lora_A.weight"
    const tensors = new Map(state.tensors)
    const { data, shape } = tensors.get(key) ?? { data: new Float32Array(0), shape: [] }
    tensors.set(key, { data: data.with(3, Number.NaN), shape })
    const bad = LoraAdapter.load(engine, decoder.spec, { ...state, tensors })
    const before = engine.memory().tensors
    expect(() => forwardBackward(decoder, bad, request)).toThrow(new Errors.NonFinite({ tensor: key }))
    expect(() => sequenceLogProbs(decoder, bad, [{ tokens: [1, 2], from: 1 }])).toThrow(Errors.NonFinite)
    expect(bad.gathered).toBe(false)
    expect(engine.memory().tensors).toBe(before)
    bad.free()
    good.free()
  })

  it("an infinite advantage is refused, and an infinite learning rate leaves the adapter as it was", () => {
    const lora = tinyLora(decoder)
    const digest = lora.digest()
    const infinite = { ...request, groups: [{ prompt: [3], completions: [{ tokens: [5], advantage: Infinity }] }] }
    expect(() => forwardBackward(decoder, lora, infinite)).toThrow(Errors.NonFinite)
    expect(() => optimStep(engine, lora, { learningRate: 1 })).toThrow(Errors.BadInput)
    forwardBackward(decoder, lora, request)
    const before = engine.memory().tensors
    expect(() => optimStep(engine, lora, { learningRate: Infinity })).toThrow(Errors.NonFinite)
    expect(lora.digest()).toBe(digest)
    expect(lora.steps).toBe(0)
    // Only the gradients are gone.
    expect(engine.memory().tensors).toBe(before - lora.parameters.length)
    forwardBackward(decoder, lora, request)
    expect(optimStep(engine, lora, { learningRate: 1e-3 })).toBeGreaterThan(0)
    expect(lora.digest()).not.toBe(digest)
    lora.free()
  })
})
