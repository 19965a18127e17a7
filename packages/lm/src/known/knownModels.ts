/**
 * The models of "When AI Says It Feels" (arXiv 2606.05734) as data: what planning needs to know of each, without a download. The
 * configurations are the published ones, as far as the decoder reads them.
 */
import * as Effect from "effect/Effect"
import type { Errors } from "hmx"
import { configOf } from "../io/config.ts"
import type { ModelConfig } from "../io/config.ts"

export interface KnownModel {
  /** On the Hugging Face hub. */
  readonly repo: string
  /** Fields of its config.json. */
  readonly config: { readonly [field: string]: unknown }
  readonly tokenizer: string
  /** What one should know of its chat template. */
  readonly template: string
  readonly licence: string
}

const qwen3 = {
  config: {
    architectures: ["Qwen3ForCausalLM"],
    vocab_size: 151_936,
    num_key_value_heads: 8,
    head_dim: 128,
    max_position_embeddings: 40_960,
    rms_norm_eps: 1e-6,
    rope_theta: 1_000_000,
    torch_dtype: "bfloat16",
  },
  tokenizer: "byte-level BPE, 151669 tokens",
  template: "thinks before it answers unless enable_thinking is false",
  licence: "Apache-2.0",
} as const

const llama32 = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 128_256,
  hidden_size: 3072,
  intermediate_size: 8192,
  num_hidden_layers: 28,
  num_attention_heads: 24,
  num_key_value_heads: 8,
  head_dim: 128,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-5,
  rope_theta: 500_000,
  rope_scaling: {
    rope_type: "llama3",
    factor: 32,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  },
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
} as const

export const knownModels: ReadonlyArray<KnownModel> = [
  {
    ...qwen3,
    repo: "Qwen/Qwen3-0.6B",
    config: {
      ...qwen3.config,
      hidden_size: 1024,
      intermediate_size: 3072,
      num_hidden_layers: 28,
      num_attention_heads: 16,
      tie_word_embeddings: true,
    },
  },
  {
    ...qwen3,
    repo: "Qwen/Qwen3-4B",
    config: {
      ...qwen3.config,
      hidden_size: 2560,
      intermediate_size: 9728,
      num_hidden_layers: 36,
      num_attention_heads: 32,
      tie_word_embeddings: true,
    },
  },
  {
    ...qwen3,
    repo: "Qwen/Qwen3-8B",
    config: {
      ...qwen3.config,
      hidden_size: 4096,
      intermediate_size: 12_288,
      num_hidden_layers: 36,
      num_attention_heads: 32,
      tie_word_embeddings: false,
    },
  },
  {
    repo: "google/gemma-2-2b-it",
    config: {
      architectures: ["Gemma2ForCausalLM"],
      vocab_size: 256_000,
      hidden_size: 2304,
      intermediate_size: 9216,
      num_hidden_layers: 26,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      head_dim: 256,
      max_position_embeddings: 8192,
      rms_norm_eps: 1e-6,
      rope_theta: 10_000,
      query_pre_attn_scalar: 256,
      sliding_window: 4096,
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
      hidden_activation: "gelu_pytorch_tanh",
      torch_dtype: "bfloat16",
    },
    tokenizer: "BPE with byte fallback, 256000 tokens",
    template: "refuses a system role",
    licence: "Gemma Terms of Use (gated: accept them on the hub first)",
  },
  {
    repo: "meta-llama/Llama-3.2-3B-Instruct",
    config: llama32,
    tokenizer: "byte-level BPE, 128256 tokens",
    template: "puts a date into a system turn: date_string",
    licence: "Llama 3.2 Community License (gated: accept it on the hub first)",
  },
]

/** Its configuration as the decoder reads it. */
export const configOfKnown = ({ config, repo }: KnownModel): Effect.Effect<ModelConfig, Errors.BadInput> =>
  configOf(`known model ${repo}`, config)

/** A known model and its configuration by the repository's name; undefined for any other. */
export const knownModel = (
  repo: string,
): Effect.Effect<{ readonly known: KnownModel; readonly config: ModelConfig }, Errors.BadInput> | undefined => {
  const known = knownModels.find((model) => model.repo === repo)
  return known === undefined ? undefined : Effect.map(configOfKnown(known), (config) => ({ known, config }))
}
