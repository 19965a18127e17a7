import type { Engine, Tensor } from "../Engine.ts"
import type { DecoderSpec, LinearName } from "./DecoderSpec.ts"

/** The weights of one block, norms as they multiply (1 added where the checkpoint leaves it out). Keys are Hugging Face's names below `model.layers.N.`, without `.weight`. */
export interface LayerWeights extends Readonly<Record<LinearName, Tensor>> {
  readonly input_layernorm: Tensor
  /** Before the MLP; with `postNorms`, of what attention adds. */
  readonly post_attention_layernorm: Tensor
  /** With `postNorms`: before the MLP, and of what the MLP adds. */
  readonly pre_feedforward_layernorm?: Tensor
  readonly post_feedforward_layernorm?: Tensor
  readonly "self_attn.q_norm"?: Tensor
  readonly "self_attn.k_norm"?: Tensor
  readonly "self_attn.q_proj.bias"?: Tensor
  readonly "self_attn.k_proj.bias"?: Tensor
  readonly "self_attn.v_proj.bias"?: Tensor
}

export interface Weights {
  /** [V, hidden] */
  readonly embedding: Tensor
  readonly layers: ReadonlyArray<LayerWeights>
  /** [hidden] */
  readonly norm: Tensor
  /** [V, hidden]; the embedding where they are tied. */
  readonly head: Tensor
}

/** The typed record of tensors that are given by their full names. */
export const weightsOf = (spec: DecoderSpec, tensor: (name: string) => Tensor): Weights => {
  const layers = Array.from({ length: spec.layers }, (_, layer): LayerWeights => {
    const at = (name: string) => tensor(`model.layers.${layer}.${name}`)
    return {
      "self_attn.q_proj": at("self_attn.q_proj.weight"),
      "self_attn.k_proj": at("self_attn.k_proj.weight"),
      "self_attn.v_proj": at("self_attn.v_proj.weight"),
      "self_attn.o_proj": at("self_attn.o_proj.weight"),
      "mlp.gate_proj": at("mlp.gate_proj.weight"),
      "mlp.up_proj": at("mlp.up_proj.weight"),
      "mlp.down_proj": at("mlp.down_proj.weight"),
      input_layernorm: at("input_layernorm.weight"),
      post_attention_layernorm: at("post_attention_layernorm.weight"),
      ...(spec.postNorms === true
        ? {
            pre_feedforward_layernorm: at("pre_feedforward_layernorm.weight"),
            post_feedforward_layernorm: at("post_feedforward_layernorm.weight"),
          }
        : {}),
      ...(spec.qkNorm
        ? { "self_attn.q_norm": at("self_attn.q_norm.weight"), "self_attn.k_norm": at("self_attn.k_norm.weight") }
        : {}),
      ...(spec.qkvBias
        ? {
            "self_attn.q_proj.bias": at("self_attn.q_proj.bias"),
            "self_attn.k_proj.bias": at("self_attn.k_proj.bias"),
            "self_attn.v_proj.bias": at("self_attn.v_proj.bias"),
          }
        : {}),
    }
  })
  const embedding = tensor("model.embed_tokens.weight")
  return {
    embedding,
    layers,
    norm: tensor("model.norm.weight"),
    head: spec.tied ? embedding : tensor("lm_head.weight"),
  }
}

export const freeWeights = (engine: Engine, { embedding, layers, norm, head }: Weights): void => {
  for (const layer of layers) engine.free(...Object.values<Tensor>({ ...layer }))
  engine.free(embedding, norm, head)
}
