/**
 * A decoder's architecture as data: what differs between families stands here, what they share stands in `forward.ts`.
 */

/** The linear layers of a block, by their names in Hugging Face's checkpoints (below `model.layers.N.`). */
export const linearNames = [
  "self_attn.q_proj",
  "self_attn.k_proj",
  "self_attn.v_proj",
  "self_attn.o_proj",
  "mlp.gate_proj",
  "mlp.up_proj",
  "mlp.down_proj",
] as const
export type LinearName = (typeof linearNames)[number]

/** How rotary frequencies are stretched over a context longer than the one they were trained on; names as in config.json. */
export type RopeScaling =
  | { readonly kind: "linear"; readonly factor: number }
  /** By wavelength: long ones are stretched, short ones are not, and those between are blended (Llama 3.1). */
  | {
      readonly kind: "llama3"
      readonly factor: number
      readonly lowFreqFactor: number
      readonly highFreqFactor: number
      /** Tokens. */
      readonly originalContext: number
    }

/** Layers whose tokens see the last `window` tokens alone, themselves included. */
export interface SlidingSpec {
  readonly window: number
  /** Of each layer: whether it is one of them. */
  readonly layers: ReadonlyArray<boolean>
  /** The rotation's base in these layers, never scaled (Gemma 3). Default: they rotate as the others do. */
  readonly ropeTheta?: number
}

export interface DecoderSpec {
  /** `model_type` of config.json. */
  readonly family: string
  readonly layers: number
  readonly hidden: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly ffn: number
  readonly vocab: number
  /** Longest sequence in tokens. */
  readonly context: number
  readonly normEps: number
  readonly ropeTheta: number
  readonly ropeScaling?: RopeScaling
  /** Default: every layer sees every token before. */
  readonly sliding?: SlidingSpec
  readonly activation: "silu" | "gelu_tanh"
  /** The output head is the embedding. */
  readonly tied: boolean
  /** RMSNorm of each query and key head before the rotation (Qwen3, Gemma 3). */
  readonly qkNorm: boolean
  /** Biases on q, k and v (Qwen2.5). */
  readonly qkvBias: boolean
  /** Norm weights are stored less 1 (Gemma). Default false. */
  readonly normLessOne?: boolean
  /** What attention and MLP add to the stream is normed too, so that a block has four norms (Gemma 2 and 3). Default false. */
  readonly postNorms?: boolean
  /** Multiplies q·k. Default 1/√headDim. */
  readonly attentionScale?: number
  /** Multiplies the embedding (Gemma: √hidden). Default 1. */
  readonly embeddingScale?: number
  /** softcap · tanh(x / softcap) on attention scores and on logits (Gemma 2). */
  readonly attentionSoftcap?: number
  readonly logitSoftcap?: number
}

/** Shape [out, in] of a linear layer. */
export const linearShape = (spec: DecoderSpec, name: LinearName): readonly [number, number] => {
  const q = spec.heads * spec.headDim
  const kv = spec.kvHeads * spec.headDim
  const shapes: Readonly<Record<LinearName, readonly [number, number]>> = {
    "self_attn.q_proj": [q, spec.hidden],
    "self_attn.k_proj": [kv, spec.hidden],
    "self_attn.v_proj": [kv, spec.hidden],
    "self_attn.o_proj": [spec.hidden, q],
    "mlp.gate_proj": [spec.ffn, spec.hidden],
    "mlp.up_proj": [spec.ffn, spec.hidden],
    "mlp.down_proj": [spec.hidden, spec.ffn],
  }
  return shapes[name]
}

/** Norms of the residual stream in a block. */
export const blockNorms = (spec: DecoderSpec): ReadonlyArray<string> => [
  "input_layernorm",
  "post_attention_layernorm",
  ...(spec.postNorms === true ? ["pre_feedforward_layernorm", "post_feedforward_layernorm"] : []),
]

/** Whether the tensor of that name in a checkpoint multiplies what RMSNorm gives. */
export const isNorm = (name: string): boolean => name.endsWith("norm.weight")

/** Every tensor that a checkpoint of this architecture holds, with its shape, under its name in Hugging Face's layout. */
export const weightShapes = (spec: DecoderSpec): ReadonlyMap<string, ReadonlyArray<number>> => {
  const shapes = new Map<string, ReadonlyArray<number>>([["model.embed_tokens.weight", [spec.vocab, spec.hidden]]])
  for (let layer = 0; layer < spec.layers; layer++) {
    const at = (name: string) => `model.layers.${layer}.${name}`
    for (const name of blockNorms(spec)) shapes.set(at(`${name}.weight`), [spec.hidden])
    for (const name of linearNames) shapes.set(at(`${name}.weight`), linearShape(spec, name))
    if (spec.qkvBias)
      for (const name of ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"] as const)
        shapes.set(at(`${name}.bias`), [linearShape(spec, name)[0]])
    if (spec.qkNorm)
      for (const name of ["self_attn.q_norm.weight", "self_attn.k_norm.weight"]) shapes.set(at(name), [spec.headDim])
  }
  shapes.set("model.norm.weight", [spec.hidden])
  if (!spec.tied) shapes.set("lm_head.weight", [spec.vocab, spec.hidden])
  return shapes
}

/** Number of weights. */
export const parameterCount = (spec: DecoderSpec): number => {
  let count = 0
  for (const shape of weightShapes(spec).values()) count += shape.reduce((a, b) => a * b, 1)
  return count
}
