import type { Engine, Tensor } from "../Engine.ts"
import type { DecoderSpec, LinearName } from "./DecoderSpec.ts"
import { linearNames, weightShapes } from "./DecoderSpec.ts"

/** The weights of one block. Keys are Hugging Face's names below `model.layers.N.`, without `.weight`. */
export interface LayerWeights extends Readonly<Record<LinearName, Tensor>> {
  readonly input_layernorm: Tensor
  readonly post_attention_layernorm: Tensor
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

/** The typed record of tensors that are given by their full names; `tensor` throws where one is missing. */
export const weightsOf = (spec: DecoderSpec, tensor: (name: string) => Tensor): Weights => {
  const has = weightShapes(spec)
  const layers = Array.from({ length: spec.layers }, (_, layer): LayerWeights => {
    const at = (name: string) => tensor(`model.layers.${layer}.${name}`)
    const optional = <Name extends string>(name: Name, full: string): { readonly [K in Name]?: Tensor } =>
      // A record of the single key `name`, which TypeScript widens to an index signature.
      has.has(`model.layers.${layer}.${full}`) ? ({ [name]: at(full) } as { readonly [K in Name]?: Tensor }) : {}
    // Every linear layer's name is a key of the result.
    const linears = Object.fromEntries(linearNames.map((name) => [name, at(`${name}.weight`)])) as Record<
      LinearName,
      Tensor
    >
    return {
      ...linears,
      input_layernorm: at("input_layernorm.weight"),
      post_attention_layernorm: at("post_attention_layernorm.weight"),
      ...optional("self_attn.q_norm", "self_attn.q_norm.weight"),
      ...optional("self_attn.k_norm", "self_attn.k_norm.weight"),
      ...optional("self_attn.q_proj.bias", "self_attn.q_proj.bias"),
      ...optional("self_attn.k_proj.bias", "self_attn.k_proj.bias"),
      ...optional("self_attn.v_proj.bias", "self_attn.v_proj.bias"),
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

/** A weight on the host: f32, or the bits of bf16 and f16. */
export interface HostTensor {
  readonly data: Float32Array | Uint16Array
  readonly shape: ReadonlyArray<number>
  readonly dtype: "f32" | "bf16" | "f16"
}

/** Moves the weights to the engine for good (until `freeWeights`): they never change. `read` gives a tensor by its full name. */
export const uploadWeights = (engine: Engine, spec: DecoderSpec, read: (name: string) => HostTensor): Weights => {
  const uploaded: Array<Tensor> = []
  try {
    return weightsOf(spec, (name) => {
      const { data, shape, dtype } = read(name)
      const tensor = engine.frozen(engine.keep(engine.upload(data, shape, dtype)))
      uploaded.push(tensor)
      return tensor
    })
  } catch (error) {
    engine.free(...uploaded)
    throw error
  }
}

export const freeWeights = (engine: Engine, weights: Weights): void =>
  engine.free(
    ...new Set([
      weights.embedding,
      weights.norm,
      weights.head,
      // The values of a record of tensors are tensors.
      ...weights.layers.flatMap((layer) => Object.values(layer) as Array<Tensor>),
    ]),
  )
