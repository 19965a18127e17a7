import * as Effect from "effect/Effect"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { readConfig, shapeOf } from "../../src/io/config.ts"
import { digestOf, failure, fresh, golden, withConfig } from "./_support.ts"

describe("configuration", () => {
  it("is read as transformers 4 writes it, with the end tokens of generation_config.json", () => {
    expect(Effect.runSync(readConfig(golden))).toEqual({
      spec: {
        family: "qwen3",
        layers: 3,
        hidden: 48,
        heads: 4,
        kvHeads: 2,
        headDim: 16,
        ffn: 80,
        vocab: 624,
        context: 512,
        normEps: 1e-6,
        ropeTheta: 10000,
        activation: "silu",
        tied: true,
        qkNorm: true,
        qkvBias: false,
      },
      dtype: "F32",
      bos: undefined,
      pad: 594,
      eos: [596, 594],
    })
  })
  it("means the same as transformers 5 writes it", () => {
    const five = withConfig({
      rope_theta: undefined,
      rope_scaling: undefined,
      torch_dtype: undefined,
      dtype: "float32",
      rope_parameters: { rope_theta: 10000, rope_type: "default" },
      layer_types: ["full_attention", "full_attention", "full_attention"],
    })
    expect(Effect.runSync(readConfig(five))).toEqual(Effect.runSync(readConfig(golden)))
    const other = withConfig({ rope_theta: undefined, rope_parameters: { rope_theta: 5e5, rope_type: "default" } })
    expect(Effect.runSync(readConfig(other)).spec.ropeTheta).toBe(5e5)
    expect(Effect.runSync(readConfig(withConfig({ rope_theta: 1e6 }))).spec.ropeTheta).toBe(1e6)
    expect(digestOf(five)).toBe(digestOf(golden))
  })
  it("gives the shape without reading a weight", () => {
    const folder = withConfig({})
    rmSync(join(folder, "model.safetensors"))
    const shape = Effect.runSync(shapeOf(folder))
    expect(shape).toMatchObject({ family: "qwen3", layers: 3, vocab: 624, context: 512, tied: true, bytesPerWeight: 4 })
    // Counted by hand: the embedding, three blocks of four projections, two head norms, the MLP and two norms, and the last norm.
    const block = 48 * 64 * 2 + 48 * 32 * 2 + 2 * 16 + 3 * 48 * 80 + 2 * 48
    expect(shape.parameters).toBe(624 * 48 + 3 * block + 48)
  })
  it("takes transformers' defaults for the head's width, the key/value heads and the tie", () => {
    const { spec } = Effect.runSync(
      readConfig(
        withConfig({
          head_dim: undefined,
          num_key_value_heads: undefined,
          num_attention_heads: 64,
          tie_word_embeddings: undefined,
        }),
      ),
    )
    expect(spec).toMatchObject({ headDim: 128, kvHeads: 32, tied: false })
    expect(Effect.runSync(readConfig(withConfig({ head_dim: null, num_key_value_heads: null }))).spec).toMatchObject({
      headDim: 12,
      kvHeads: 4,
    })
  })
  it.each<[string, { readonly [key: string]: unknown }, RegExp]>([
    [
      "another architecture",
      { architectures: ["MambaForCausalLM"] },
      /architectures: found "MambaForCausalLM"; expected one of Qwen3ForCausalLM/,
    ],
    [
      "no architecture",
      { architectures: [] },
      /architectures: found no architecture; expected one of Qwen3ForCausalLM/,
    ],
    ["a missing size", { hidden_size: undefined }, /hidden_size: found nothing; expected a value/],
    ["a negative size", { vocab_size: -3 }, /vocab_size: found -3; expected a value between 1 and/],
    ["a text for a number", { intermediate_size: "80" }, /intermediate_size: found "80"; expected number/],
    ["absurdly many layers", { num_hidden_layers: 2e9 }, /num_hidden_layers: found 2000000000/],
    [
      "a scaled rotation",
      { rope_scaling: { rope_type: "yarn", factor: 4 } },
      /rope_scaling: found rope_type "yarn"; expected "default", "linear" or "llama3"/,
    ],
    ["an older name of it", { rope_scaling: { type: "dynamic" } }, /rope_scaling: found rope_type "dynamic"/],
    [
      "a scaled rotation without its factor",
      { rope_scaling: { type: "linear" } },
      /rope_scaling\.factor: found nothing; expected a number, as rope_type "linear" needs/,
    ],
    [
      "a rotation for each kind of layer where the family has one",
      { rope_parameters: { full_attention: { rope_theta: 5 } } },
      /rope_parameters: found a rotation for each kind of layer; expected one for all layers/,
    ],
    ["another activation", { hidden_act: "gelu" }, /hidden_act: found "gelu"; expected "silu"/],
    ["biases", { attention_bias: true }, /attention_bias: found true; expected false/],
    [
      "a sliding window without its length",
      { use_sliding_window: true, max_window_layers: 1 },
      /sliding_window: found nothing; expected a number of tokens/,
    ],
    [
      "layers of another kind",
      { layer_types: ["full_attention", "sliding_attention", "full_attention"] },
      /layer_types: found "sliding_attention"/,
    ],
    ["kinds of too few layers", { layer_types: ["full_attention"] }, /layer_types: found 1 layers; expected 3/],
    [
      "a quantised checkpoint",
      { quantization_config: { bits: 4 } },
      /quantization_config: found a quantised checkpoint/,
    ],
    [
      "heads that do not divide",
      { num_key_value_heads: 3 },
      /num_key_value_heads: found 3; expected a divisor of num_attention_heads \(4\)/,
    ],
    ["an odd head", { head_dim: 15 }, /head_dim: found 15; expected an even integer/],
    ["another type", { torch_dtype: "float8_e4m3fn" }, /dtype: found "float8_e4m3fn"; expected one of float32/],
  ])("refuses %s", (_, patch, sentence) => {
    const { tag, message } = failure(readConfig(withConfig(patch)))
    expect(tag).toBe("BadInput")
    expect(message).toMatch(sentence)
  })
  it("refuses end tokens that the vocabulary does not have, a broken file and a missing one", () => {
    const folder = withConfig({})
    writeFileSync(join(folder, "generation_config.json"), '{"eos_token_id":[1,700]}')
    expect(failure(readConfig(folder)).message).toMatch(
      /eos_token_id: found 700; expected a token id below vocab_size \(624\)/,
    )
    writeFileSync(join(folder, "config.json"), "{")
    expect(failure(readConfig(folder)).message).toMatch(/config\.json: found .*; expected JSON/)
    expect(failure(readConfig(fresh("nowhere"))).message).toMatch(/config\.json: found no such file/)
  })
  it("takes config.json's end token where generation_config.json has none or is not there", () => {
    const folder = withConfig({})
    writeFileSync(join(folder, "generation_config.json"), "{}")
    expect(Effect.runSync(readConfig(folder)).eos).toEqual([596])
    rmSync(join(folder, "generation_config.json"))
    expect(Effect.runSync(readConfig(folder)).eos).toEqual([596])
  })
})
