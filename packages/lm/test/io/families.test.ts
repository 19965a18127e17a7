/** What config.json means, family by family: the published layouts of both versions of transformers, and their defaults. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parameterCount } from "../../src/decoder/DecoderSpec.ts"
import { frequencies } from "../../src/decoder/rope.ts"
import { configOf } from "../../src/io/config.ts"
import { failure } from "./_support.ts"

const sizes = {
  vocab_size: 64,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 7,
  num_attention_heads: 4,
  max_position_embeddings: 128,
}
type Fields = { readonly [key: string]: unknown }
const read = (architecture: string, fields: Fields = {}) =>
  configOf("config.json", { architectures: [`${architecture}ForCausalLM`], ...sizes, ...fields })
const spec = (architecture: string, fields: Fields = {}) => Effect.runSync(read(architecture, fields)).spec
const refusal = (architecture: string, fields: Fields) => failure(read(architecture, fields)).message

describe("families", () => {
  it("Gemma 2: defaults of softcaps, windows and scales; a null softcap is none", () => {
    expect(spec("Gemma2")).toMatchObject({
      family: "gemma2",
      kvHeads: 4,
      headDim: 256,
      tied: true,
      activation: "gelu_tanh",
      normLessOne: true,
      postNorms: true,
      attentionScale: 1 / 16,
      embeddingScale: Math.fround(Math.sqrt(32)),
      attentionSoftcap: 50,
      logitSoftcap: 30,
      sliding: { window: 4096, layers: [true, false, true, false, true, false, true] },
    })
    const bare = spec("Gemma2", { attn_logit_softcapping: null, final_logit_softcapping: null })
    expect(bare.attentionSoftcap ?? bare.logitSoftcap).toBeUndefined()
  })
  it("Gemma 3: every sixth layer sees all, and the others rotate by a base of their own", () => {
    const layers = [true, true, true, true, true, false, true]
    expect(spec("Gemma3")).toMatchObject({
      qkNorm: true,
      ropeTheta: 1e6,
      sliding: { window: 4096, layers, ropeTheta: 1e4 },
    })
    const four = spec("Gemma3", {
      rope_theta: 5e5,
      rope_local_base_freq: 2e3,
      rope_scaling: { rope_type: "linear", factor: 8 },
      sliding_window: 16,
      sliding_window_pattern: 6,
    })
    const five = spec("Gemma3", {
      rope_parameters: {
        full_attention: { rope_type: "linear", factor: 8, rope_theta: 5e5 },
        sliding_attention: { rope_type: "default", rope_theta: 2e3 },
      },
      sliding_window: 16,
      layer_types: layers.map((slides) => (slides ? "sliding_attention" : "full_attention")),
    })
    expect(five).toEqual(four)
    expect(four.ropeScaling).toEqual({ kind: "linear", factor: 8 })
    expect(four.sliding).toEqual({ window: 16, layers, ropeTheta: 2e3 })
  })
  it("Llama: as many key/value heads as heads, and Llama 3's rotation in both layouts", () => {
    const scaling = {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    }
    const four = spec("Llama", { rope_theta: 5e5, rope_scaling: scaling })
    expect(four).toMatchObject({ kvHeads: 4, headDim: 8, tied: false, qkNorm: false, qkvBias: false })
    expect(four.ropeScaling).toEqual({
      kind: "llama3",
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalContext: 64,
    })
    expect(spec("Llama", { rope_parameters: { ...scaling, rope_theta: 5e5 } })).toEqual(four)
    const plain = frequencies(16, 500)
    const turned = frequencies(16, 500, four.ropeScaling)
    // Short wavelengths stay, long ones are stretched by the factor, those between lie between.
    expect(turned[0]).toBe(plain[0])
    expect(turned.at(-1)).toBe(Math.fround((plain.at(-1) ?? 0) / 8))
    turned.forEach((frequency, i) => {
      expect(frequency).toBeLessThanOrEqual(plain[i] ?? 0)
      expect(frequency).toBeGreaterThanOrEqual(Math.fround((plain[i] ?? 0) / 8))
    })
  })
  it("Qwen: biases in 2.5, head norms in 3, and a window from a layer on where it is asked for", () => {
    expect(spec("Qwen2", { num_key_value_heads: 2 })).toMatchObject({ headDim: 8, qkvBias: true, qkNorm: false })
    const fields = { num_key_value_heads: 2, sliding_window: 9, max_window_layers: 5 }
    expect(spec("Qwen3", fields).sliding).toBeUndefined()
    const { sliding } = spec("Qwen3", { ...fields, use_sliding_window: true })
    expect(sliding).toEqual({ window: 9, layers: [false, false, false, false, false, true, true] })
  })
  it.each<[string, string, Fields, RegExp]>([
    ["biases in the MLP", "Llama", { mlp_bias: true }, /mlp_bias: found true; expected false/],
    ["attention in both directions", "Gemma3", { use_bidirectional_attention: true }, /found "true"; expected false/],
    ["windows in Llama", "Llama", { layer_types: Array(7).fill("sliding_attention") }, /"full_attention" throughout/],
    ["layers of an unknown kind", "Gemma2", { layer_types: Array(7).fill("linear_attention") }, /"linear_attention"/],
    [
      "a scaled local rotation",
      "Gemma3",
      { rope_parameters: { sliding_attention: { rope_type: "linear", factor: 2 } } },
      /sliding_attention: found rope_type "linear"; expected "default"/,
    ],
    [
      "silu in Gemma",
      "Gemma2",
      { hidden_activation: "silu" },
      /hidden_activation: found "silu"; expected "gelu_pytorch_tanh"/,
    ],
    [
      "half of Llama 3's rotation",
      "Llama",
      { rope_scaling: { rope_type: "llama3", factor: 8, low_freq_factor: 1 } },
      /high_freq_factor: found nothing/,
    ],
    [
      "bands in the wrong order",
      "Llama",
      {
        rope_scaling: {
          rope_type: "llama3",
          factor: 8,
          low_freq_factor: 4,
          high_freq_factor: 4,
          original_max_position_embeddings: 8,
        },
      },
      /high_freq_factor: found 4; expected more than low_freq_factor \(4\)/,
    ],
  ])("refuses %s", (_, architecture, fields, sentence) => {
    expect(refusal(architecture, fields)).toMatch(sentence)
  })
  it("whatever the fields are, a decoder that can be counted or BadInput", () => {
    const rotation = fc.record(
      {
        rope_type: fc.constantFrom("default", "linear", "llama3", "yarn", 3),
        factor: fc.constantFrom(0, 8, null),
        low_freq_factor: fc.constantFrom(1, "1"),
        high_freq_factor: fc.constantFrom(1, 4, Number.NaN),
        original_max_position_embeddings: fc.constantFrom(64, -1),
        full_attention: fc.constantFrom({}, null, { rope_type: "linear", factor: 2 }),
      },
      { requiredKeys: [] },
    )
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.integer({ min: -2, max: 40 }),
      fc.constantFrom(2 ** 31, 1e300),
    )
    const names = [
      ...Object.keys(sizes),
      "num_key_value_heads",
      "head_dim",
      "sliding_window",
      "layer_types",
      "eos_token_id",
    ]
    const fields = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 1 })
    const given = { rope_scaling: rotation, rope_parameters: rotation }
    const ropes = fc.option(fc.record(given, { requiredKeys: [] }), { nil: {}, freq: 2 })
    const found = { specs: 0, refused: 0 }
    fc.assert(
      fc.property(
        fc.constantFrom("Qwen2", "Qwen3", "Llama", "Gemma2", "Gemma3"),
        fields,
        ropes,
        (family, some, rope) => {
          const exit = Effect.runSyncExit(read(family, { ...some, ...rope }))
          if (Exit.isSuccess(exit)) {
            found.specs++
            expect(parameterCount(exit.value.spec)).toBeGreaterThan(0)
          } else {
            found.refused++
            expect(JSON.stringify(exit.cause)).toContain('"BadInput"')
          }
        },
      ),
      { numRuns: 500 },
    )
    expect(Math.min(found.specs, found.refused)).toBeGreaterThan(20)
  })
})
