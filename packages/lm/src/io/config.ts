/**
 * config.json and generation_config.json in Hugging Face's layout, as transformers 4 and 5 write them (the RoPE base under
 * `rope_theta` or `rope_parameters`, the weights' type under `torch_dtype` or `dtype`). What a field means for the decoder and is
 * not implemented is refused here by name, so that nothing is silently computed otherwise than the reference does.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Errors, ModelShape } from "hmx"
import * as path from "node:path"
import { parameterCount } from "../decoder/DecoderSpec.ts"
import type { DecoderSpec } from "../decoder/DecoderSpec.ts"
import { decodeAt } from "./decodeAt.ts"
import { bad, Files, quote, readJson } from "./Files.ts"

/** What config.json and generation_config.json say. */
export interface ModelConfig {
  readonly spec: DecoderSpec
  /** The stored weights' type by config.json. The tensors themselves say it too, and they count. */
  readonly dtype: "F32" | "BF16" | "F16"
  readonly bos: number | undefined
  readonly pad: number | undefined
  /** Token ids that end an answer: generation_config.json's where it has any, as transformers does, else config.json's. */
  readonly eos: ReadonlyArray<number>
}

/** Architectures that are read, by transformers' class name. */
const families = { Qwen3ForCausalLM: "qwen3" } as const

const jsonLimit = 10_000_000

const Size = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 ** 31 - 1 }))
/** A bound against a configuration whose list of tensors alone would fill the memory. */
const Layers = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4096 }))
const TokenId = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 }))
const Positive = Schema.Number.check(Schema.isGreaterThan(0))
const orNull = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
const Eos = Schema.Union([TokenId, Schema.Array(TokenId)])

const Rope = Schema.Struct({
  rope_theta: orNull(Positive),
  rope_type: orNull(Schema.String),
  /** The name before transformers 4.45. */
  type: orNull(Schema.String),
})

const Qwen3Json = Schema.Struct({
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
  rope_scaling: orNull(Rope),
  rope_parameters: orNull(Rope),
  tie_word_embeddings: Schema.optionalKey(Schema.Boolean),
  torch_dtype: orNull(Schema.String),
  dtype: orNull(Schema.String),
  hidden_act: Schema.optionalKey(Schema.String),
  attention_bias: orNull(Schema.Boolean),
  use_sliding_window: orNull(Schema.Boolean),
  layer_types: orNull(Schema.Array(Schema.String)),
  quantization_config: Schema.optionalKey(Schema.Unknown),
  bos_token_id: orNull(TokenId),
  pad_token_id: orNull(TokenId),
  eos_token_id: orNull(Eos),
})
type Qwen3Json = typeof Qwen3Json.Type

const GenerationJson = Schema.Struct({ eos_token_id: orNull(Eos) })

const storedTypes: { readonly [name: string]: ModelConfig["dtype"] } = {
  float32: "F32",
  bfloat16: "BF16",
  float16: "F16",
}

const eosList = (eos: number | ReadonlyArray<number> | null | undefined): ReadonlyArray<number> | undefined =>
  eos === null || eos === undefined ? undefined : typeof eos === "number" ? [eos] : eos

/** What a Qwen3 config may say and this decoder does not do; else nothing. */
const unsupported = (file: string, json: Qwen3Json): Errors.BadInput | undefined => {
  const refuse = (field: string, found: string, expected: string) => bad(`${file}, ${field}`, found, expected)
  if (json.hidden_act !== undefined && json.hidden_act !== "silu") {
    return refuse("hidden_act", quote(json.hidden_act), '"silu"')
  }
  if (json.attention_bias === true) return refuse("attention_bias", "true", "false")
  if (json.use_sliding_window === true) return refuse("use_sliding_window", "true", "false")
  const kind = json.layer_types?.find((t) => t !== "full_attention")
  if (kind !== undefined) return refuse("layer_types", quote(kind), '"full_attention" throughout')
  if (json.layer_types && json.layer_types.length !== json.num_hidden_layers) {
    return refuse(
      "layer_types",
      `${json.layer_types.length} layers`,
      `${json.num_hidden_layers}, as num_hidden_layers says`,
    )
  }
  for (const field of ["rope_parameters", "rope_scaling"] as const) {
    const scaling = json[field]?.rope_type ?? json[field]?.type ?? "default"
    if (scaling !== "default") return refuse(field, `rope_type ${quote(scaling)}`, '"default"')
  }
  if (json.quantization_config !== undefined && json.quantization_config !== null) {
    return refuse("quantization_config", "a quantised checkpoint", "float weights")
  }
  return undefined
}

const fromJson = (
  file: string,
  json: Qwen3Json,
  eos: ReadonlyArray<number> | undefined,
): ModelConfig | Errors.BadInput => {
  const refused = unsupported(file, json)
  if (refused !== undefined) return refused
  const heads = json.num_attention_heads
  // transformers' defaults for Qwen3Config: 32 key/value heads where absent, as many as heads where null; a head of 128.
  const kvHeads = json.num_key_value_heads === undefined ? 32 : (json.num_key_value_heads ?? heads)
  const headDim = json.head_dim === undefined ? 128 : (json.head_dim ?? json.hidden_size / heads)
  if (heads % kvHeads !== 0) {
    return bad(`${file}, num_key_value_heads`, `${kvHeads}`, `a divisor of num_attention_heads (${heads})`)
  }
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) return bad(`${file}, head_dim`, `${headDim}`, "an even integer")
  const named = json.dtype ?? json.torch_dtype ?? "float32"
  const dtype = Object.hasOwn(storedTypes, named) ? storedTypes[named] : undefined
  if (dtype === undefined) {
    return bad(`${file}, dtype`, quote(named), `one of ${Object.keys(storedTypes).join(", ")}`)
  }
  const ends = eos ?? eosList(json.eos_token_id) ?? []
  for (const id of ends) {
    if (id >= json.vocab_size) {
      return bad(`${file}, eos_token_id`, `${id}`, `a token id below vocab_size (${json.vocab_size})`)
    }
  }
  const spec: DecoderSpec = {
    family: "qwen3",
    vocab: json.vocab_size,
    hidden: json.hidden_size,
    ffn: json.intermediate_size,
    layers: json.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    context: json.max_position_embeddings,
    normEps: json.rms_norm_eps ?? 1e-6,
    ropeTheta: json.rope_parameters?.rope_theta ?? json.rope_theta ?? 10_000,
    activation: "silu",
    tied: json.tie_word_embeddings ?? false,
    qkNorm: true,
    qkvBias: false,
  }
  return {
    spec,
    dtype,
    bos: json.bos_token_id ?? undefined,
    pad: json.pad_token_id ?? undefined,
    eos: [...new Set(ends)],
  }
}

/** The architecture's own name, for the refusal. */
const architectureOf = (json: unknown): string | undefined => {
  if (typeof json !== "object" || json === null) return undefined
  const listed = "architectures" in json && Array.isArray(json.architectures) ? json.architectures : []
  const first: unknown = listed[0]
  return typeof first === "string" ? first : undefined
}

/** Reads config.json and, where it is there, generation_config.json of a checkpoint's folder. */
export const readConfig = Effect.fnUntraced(function* (folder: string) {
  const file = path.join(folder, "config.json")
  const json = yield* readJson(file, jsonLimit)
  const architecture = architectureOf(json)
  if (architecture === undefined || !Object.hasOwn(families, architecture)) {
    const found = architecture === undefined ? "no architecture" : quote(architecture)
    return yield* Effect.fail(bad(`${file}, architectures`, found, `one of ${Object.keys(families).join(", ")}`))
  }
  const decoded = yield* decodeAt(Qwen3Json, file)(json)
  const config = fromJson(file, decoded, yield* readGenerationEos(folder))
  if (config instanceof Error) return yield* Effect.fail(config)
  return config
})

const readGenerationEos = Effect.fnUntraced(function* (folder: string) {
  const file = path.join(folder, "generation_config.json")
  const files = yield* Files
  if (!files.existsSync(file)) return undefined
  const generation = yield* decodeAt(GenerationJson, file)(yield* readJson(file, jsonLimit))
  return eosList(generation.eos_token_id)
})

/**
 * The shape that planning needs. `bytesPerWeight` is the engine's: 4 where it holds f32 whatever is stored (the default engine),
 * 2 where it holds 16-bit floats.
 */
export const shapeOfConfig = (config: ModelConfig, bytesPerWeight: number): ModelShape => {
  const { family, layers, hidden, heads, kvHeads, headDim, ffn, vocab, tied, context } = config.spec
  const parameters = parameterCount(config.spec)
  return { family, layers, hidden, heads, kvHeads, headDim, ffn, vocab, tied, context, parameters, bytesPerWeight }
}

/** The shape of a checkpoint by its config.json alone; no weight is read. */
export const shapeOf = (
  folder: string,
  bytesPerWeight = 4,
): Effect.Effect<ModelShape, Errors.BadInput | Errors.StorageFailed> =>
  Effect.map(readConfig(folder), (config) => shapeOfConfig(config, bytesPerWeight))

/** A configuration as transformers writes it for Qwen3, readable by its versions 4 and 5. */
export const configJson = (config: ModelConfig): { readonly [key: string]: unknown } => {
  const { spec } = config
  const dtype = Object.keys(storedTypes).find((name) => storedTypes[name] === config.dtype)
  return {
    architectures: ["Qwen3ForCausalLM"],
    attention_bias: false,
    attention_dropout: 0,
    bos_token_id: config.bos ?? null,
    eos_token_id: config.eos[0] ?? null,
    head_dim: spec.headDim,
    hidden_act: "silu",
    hidden_size: spec.hidden,
    initializer_range: 0.02,
    intermediate_size: spec.ffn,
    max_position_embeddings: spec.context,
    model_type: "qwen3",
    num_attention_heads: spec.heads,
    num_hidden_layers: spec.layers,
    num_key_value_heads: spec.kvHeads,
    pad_token_id: config.pad ?? null,
    rms_norm_eps: spec.normEps,
    rope_scaling: null,
    rope_theta: spec.ropeTheta,
    sliding_window: null,
    tie_word_embeddings: spec.tied,
    torch_dtype: dtype,
    use_cache: true,
    use_sliding_window: false,
    vocab_size: spec.vocab,
  }
}

/** generation_config.json: what ends an answer. */
export const generationJson = ({ bos, eos, pad }: ModelConfig): { readonly [key: string]: unknown } => ({
  ...(bos === undefined ? {} : { bos_token_id: bos }),
  eos_token_id: eos,
  ...(pad === undefined ? {} : { pad_token_id: pad }),
})
