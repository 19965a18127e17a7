/**
 * What config.json means for the decoder, family by family: transformers' class name, its defaults where the file is silent, and
 * the few fields that one family alone has. What a field means and is not implemented is refused by name, so that nothing is
 * silently computed otherwise than the reference does.
 */
import * as Schema from "effect/Schema"
import { Errors } from "hmx"
import type { DecoderSpec, RopeScaling, SlidingSpec } from "../decoder/DecoderSpec.ts"
import { bad, quote } from "./Files.ts"

const Size = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 ** 31 - 1 }))
/** A bound against a configuration whose list of tensors alone would fill the memory. */
const Layers = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4096 }))
export const TokenId = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 }))
const Positive = Schema.Number.check(Schema.isGreaterThan(0))
export const orNull = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
export const Eos = Schema.Union([TokenId, Schema.Array(TokenId)])

const rotation = {
  rope_theta: orNull(Positive),
  rope_type: orNull(Schema.String),
  /** The name before transformers 4.45. */
  type: orNull(Schema.String),
  factor: orNull(Positive),
  low_freq_factor: orNull(Positive),
  high_freq_factor: orNull(Positive),
  original_max_position_embeddings: orNull(Size),
}
const Rotation = Schema.Struct(rotation)
type Rotation = typeof Rotation.Type

/** config.json's fields that matter here, of every family. */
export const ConfigJson = Schema.Struct({
  vocab_size: Size,
  hidden_size: Size,
  intermediate_size: Size,
  num_hidden_layers: Layers,
  num_attention_heads: Size,
  num_key_value_heads: orNull(Size),
  head_dim: orNull(Size),
  max_position_embeddings: Size,
  rms_norm_eps: Schema.optionalKey(Positive),
  rope_theta: orNull(Positive),
  rope_scaling: orNull(Rotation),
  /** Since transformers 5; one for each kind of layer where they rotate differently. */
  rope_parameters: orNull(
    Schema.Struct({ ...rotation, full_attention: orNull(Rotation), sliding_attention: orNull(Rotation) }),
  ),
  rope_local_base_freq: orNull(Positive),
  tie_word_embeddings: Schema.optionalKey(Schema.Boolean),
  torch_dtype: orNull(Schema.String),
  dtype: orNull(Schema.String),
  hidden_act: Schema.optionalKey(Schema.String),
  hidden_activation: orNull(Schema.String),
  attention_bias: orNull(Schema.Boolean),
  mlp_bias: orNull(Schema.Boolean),
  use_bidirectional_attention: orNull(Schema.Unknown),
  use_sliding_window: orNull(Schema.Boolean),
  sliding_window: orNull(Size),
  max_window_layers: orNull(Schema.Int),
  sliding_window_pattern: orNull(Size),
  _sliding_window_pattern: orNull(Size),
  layer_types: orNull(Schema.Array(Schema.String)),
  query_pre_attn_scalar: orNull(Positive),
  attn_logit_softcapping: orNull(Positive),
  final_logit_softcapping: orNull(Positive),
  quantization_config: Schema.optionalKey(Schema.Unknown),
  bos_token_id: orNull(TokenId),
  pad_token_id: orNull(TokenId),
  eos_token_id: orNull(Eos),
})
export type ConfigJson = typeof ConfigJson.Type

interface Family {
  /** config.json's model_type. */
  readonly name: string
  /** transformers' defaults: for an absent field; a null one of these two is heads, and hidden_size / heads. */
  readonly kvHeads?: number
  readonly headDim?: number
  readonly ropeTheta: number
  readonly tied: boolean
  readonly activation: { readonly field: "hidden_act" | "hidden_activation"; readonly name: string }
  /** Whether a layer has the sliding window where layer_types does not say; `undefined` for a family without windows. */
  readonly slides?: (json: ConfigJson, layer: number) => boolean
  readonly defaultWindow?: number
  /** Base of the rotation of the layers with a window, where it is another. */
  readonly localTheta?: number
  /** Fields of the decoder that are the family's own. */
  readonly own: (json: ConfigJson) => Pick<DecoderSpec, "qkNorm" | "qkvBias"> & Partial<DecoderSpec>
}

const silu = { field: "hidden_act", name: "silu" } as const
/** Where `use_sliding_window` is set, it is from the layer `max_window_layers` on. */
const qwenSlides = (json: ConfigJson, layer: number): boolean =>
  json.use_sliding_window === true && layer >= (json.max_window_layers ?? 28)

const gemma = {
  kvHeads: 4,
  headDim: 256,
  tied: true,
  activation: { field: "hidden_activation", name: "gelu_pytorch_tanh" },
  defaultWindow: 4096,
} as const

const gemmaOwn = (json: ConfigJson, softcaps: { readonly attention?: number; readonly logits?: number }) => {
  const attention = json.attn_logit_softcapping === undefined ? softcaps.attention : json.attn_logit_softcapping
  const logits = json.final_logit_softcapping === undefined ? softcaps.logits : json.final_logit_softcapping
  return {
    qkvBias: false,
    normLessOne: true,
    postNorms: true,
    attentionScale: (json.query_pre_attn_scalar ?? 256) ** -0.5,
    embeddingScale: Math.fround(Math.sqrt(json.hidden_size)),
    ...(attention == null ? {} : { attentionSoftcap: attention }),
    ...(logits == null ? {} : { logitSoftcap: logits }),
  }
}

/** Architectures that are read, by transformers' class name. */
export const families: { readonly [architecture: string]: Family } = {
  Qwen3ForCausalLM: {
    name: "qwen3",
    kvHeads: 32,
    headDim: 128,
    ropeTheta: 10_000,
    tied: false,
    activation: silu,
    slides: qwenSlides,
    own: () => ({ qkNorm: true, qkvBias: false }),
  },
  Qwen2ForCausalLM: {
    name: "qwen2",
    kvHeads: 32,
    ropeTheta: 10_000,
    tied: false,
    activation: silu,
    slides: qwenSlides,
    own: () => ({ qkNorm: false, qkvBias: true }),
  },
  LlamaForCausalLM: {
    name: "llama",
    ropeTheta: 10_000,
    tied: false,
    activation: silu,
    own: () => ({ qkNorm: false, qkvBias: false }),
  },
  Gemma2ForCausalLM: {
    ...gemma,
    name: "gemma2",
    ropeTheta: 10_000,
    slides: (_, layer) => layer % 2 === 0,
    own: (json) => ({ qkNorm: false, ...gemmaOwn(json, { attention: 50, logits: 30 }) }),
  },
  Gemma3ForCausalLM: {
    ...gemma,
    name: "gemma3_text",
    ropeTheta: 1_000_000,
    slides: (json, layer) => (layer + 1) % (json.sliding_window_pattern ?? json._sliding_window_pattern ?? 6) !== 0,
    localTheta: 10_000,
    own: (json) => ({ qkNorm: true, ...gemmaOwn(json, {}) }),
  },
}

/** The decoder that a config.json describes; BadInput where a field asks for what is not implemented. */
export const specOf = (file: string, family: Family, json: ConfigJson): DecoderSpec | Errors.BadInput => {
  const refused = unsupported(file, family, json)
  if (refused !== undefined) return refused
  const heads = json.num_attention_heads
  const kvHeads =
    json.num_key_value_heads === undefined ? (family.kvHeads ?? heads) : (json.num_key_value_heads ?? heads)
  const own = json.hidden_size / heads
  const headDim = json.head_dim === undefined ? (family.headDim ?? own) : (json.head_dim ?? own)
  if (heads % kvHeads !== 0) {
    return bad(`${file}, num_key_value_heads`, `${kvHeads}`, `a divisor of num_attention_heads (${heads})`)
  }
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) return bad(`${file}, head_dim`, `${headDim}`, "an even integer")
  const rope = ropeOf(file, family, json)
  if (rope instanceof Errors.BadInput) return rope
  const sliding = slidingOf(file, family, json, rope.local)
  if (sliding instanceof Errors.BadInput) return sliding
  return {
    family: family.name,
    vocab: json.vocab_size,
    hidden: json.hidden_size,
    ffn: json.intermediate_size,
    layers: json.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    context: json.max_position_embeddings,
    normEps: json.rms_norm_eps ?? 1e-6,
    ropeTheta: rope.theta,
    ...(rope.scaling === undefined ? {} : { ropeScaling: rope.scaling }),
    ...(sliding === undefined ? {} : { sliding }),
    activation: family.activation.name === "silu" ? "silu" : "gelu_tanh",
    tied: json.tie_word_embeddings ?? family.tied,
    ...family.own(json),
  }
}

const unsupported = (file: string, family: Family, json: ConfigJson): Errors.BadInput | undefined => {
  const refuse = (field: string, found: string, expected: string) => bad(`${file}, ${field}`, found, expected)
  const { field, name } = family.activation
  const activation = json[field] ?? name
  if (activation !== name) return refuse(field, quote(activation), quote(name))
  if (json.attention_bias === true) return refuse("attention_bias", "true", "false")
  if (json.mlp_bias === true) return refuse("mlp_bias", "true", "false")
  const both = json.use_bidirectional_attention
  if (both !== undefined && both !== null && both !== false) {
    return refuse("use_bidirectional_attention", quote(JSON.stringify(both)), "false")
  }
  if (json.quantization_config !== undefined && json.quantization_config !== null) {
    return refuse("quantization_config", "a quantised checkpoint", "float weights")
  }
  return undefined
}

interface Rotations {
  readonly theta: number
  readonly scaling: RopeScaling | undefined
  readonly local: number | undefined
}

/** The rotation's base and scaling, wherever this version of transformers writes them. */
const ropeOf = (file: string, family: Family, json: ConfigJson): Rotations | Errors.BadInput => {
  const parameters = json.rope_parameters
  const local = parameters?.sliding_attention
  if (family.localTheta === undefined && (local ?? parameters?.full_attention) != null) {
    return bad(`${file}, rope_parameters`, "a rotation for each kind of layer", "one for all layers")
  }
  const found = [
    { field: "rope_parameters", rotation: parameters?.full_attention ?? parameters },
    { field: "rope_scaling", rotation: json.rope_scaling },
  ].map(({ field, rotation }) => scalingOf(file, field, rotation ?? undefined))
  const refused = found.find((x) => x instanceof Errors.BadInput)
  if (refused !== undefined) return refused
  const plain = scalingOf(file, "rope_parameters.sliding_attention", local ?? undefined)
  if (plain instanceof Errors.BadInput) return plain
  if (plain !== undefined) {
    return bad(`${file}, rope_parameters.sliding_attention`, `rope_type "${plain.kind}"`, '"default"')
  }
  return {
    theta: parameters?.full_attention?.rope_theta ?? parameters?.rope_theta ?? json.rope_theta ?? family.ropeTheta,
    scaling: found.find((x): x is RopeScaling => x !== undefined && !(x instanceof Errors.BadInput)),
    local: local?.rope_theta ?? json.rope_local_base_freq ?? family.localTheta,
  }
}

const scalingOf = (
  file: string,
  field: string,
  rotation: Rotation | undefined,
): RopeScaling | Errors.BadInput | undefined => {
  const kind = rotation?.rope_type ?? rotation?.type ?? "default"
  if (rotation === undefined || kind === "default") return undefined
  const missing = (name: keyof Rotation) =>
    bad(`${file}, ${field}.${name}`, "nothing", `a number, as rope_type "${kind}" needs`)
  const { factor, high_freq_factor, low_freq_factor, original_max_position_embeddings } = rotation
  if (kind !== "linear" && kind !== "llama3") {
    return bad(`${file}, ${field}`, `rope_type ${quote(kind)}`, '"default", "linear" or "llama3"')
  }
  if (factor == null) return missing("factor")
  if (kind === "linear") return { kind, factor }
  if (low_freq_factor == null) return missing("low_freq_factor")
  if (high_freq_factor == null) return missing("high_freq_factor")
  if (original_max_position_embeddings == null) return missing("original_max_position_embeddings")
  if (high_freq_factor <= low_freq_factor) {
    return bad(
      `${file}, ${field}.high_freq_factor`,
      `${high_freq_factor}`,
      `more than low_freq_factor (${low_freq_factor})`,
    )
  }
  return {
    kind,
    factor,
    lowFreqFactor: low_freq_factor,
    highFreqFactor: high_freq_factor,
    originalContext: original_max_position_embeddings,
  }
}

/** Which layers have the sliding window; nothing where none has. */
const slidingOf = (
  file: string,
  family: Family,
  json: ConfigJson,
  localTheta: number | undefined,
): SlidingSpec | Errors.BadInput | undefined => {
  const count = json.num_hidden_layers
  const types = json.layer_types
  const { slides } = family
  if (types && types.length !== count) {
    return bad(`${file}, layer_types`, `${types.length} layers`, `${count}, as num_hidden_layers says`)
  }
  const windows = slides !== undefined && (slides !== qwenSlides || json.use_sliding_window === true)
  const known = windows ? ["full_attention", "sliding_attention"] : ["full_attention"]
  const other = types?.find((type) => !known.includes(type))
  if (other !== undefined) {
    const expected = windows ? '"full_attention" or "sliding_attention"' : '"full_attention" throughout'
    return bad(`${file}, layer_types`, quote(other), expected)
  }
  if (!windows) return undefined
  const layers = Array.from({ length: count }, (_, i) => (types ? types[i] === "sliding_attention" : slides(json, i)))
  if (!layers.includes(true)) return undefined
  const window = json.sliding_window ?? family.defaultWindow
  if (window === undefined) return bad(`${file}, sliding_window`, "nothing", "a number of tokens")
  return { window, layers, ...(localTheta === undefined ? {} : { ropeTheta: localTheta }) }
}
