/**
 * config.json and generation_config.json in Hugging Face's layout, as transformers 4 and 5 write them (the RoPE base under
 * `rope_theta` or `rope_parameters`, the weights' type under `torch_dtype` or `dtype`). What the fields mean for the decoder
 * stands in `families.ts`.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Errors, Memory, type ModelShape } from "hmx"
import * as path from "node:path"
import { parameterCount } from "../decoder/DecoderSpec.ts"
import type { DecoderSpec } from "../decoder/DecoderSpec.ts"
import { decodeAt } from "./decodeAt.ts"
import { ConfigJson, Eos, families, orNull, specOf } from "./families.ts"
import { bad, Files, quote, readJson } from "./Files.ts"
import { ggufConfigJson } from "./gguf/configJson.ts"
import { ggufIn, openGguf } from "./gguf/gguf.ts"

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

const jsonLimit = 10_000_000

const GenerationJson = Schema.Struct({ eos_token_id: orNull(Eos) })

const storedTypes: { readonly [name: string]: ModelConfig["dtype"] } = {
  float32: "F32",
  bfloat16: "BF16",
  float16: "F16",
}

const eosList = (eos: number | ReadonlyArray<number> | null | undefined): ReadonlyArray<number> | undefined =>
  eos === null || eos === undefined ? undefined : typeof eos === "number" ? [eos] : eos

const fromJson = (
  file: string,
  spec: DecoderSpec,
  json: ConfigJson,
  eos: ReadonlyArray<number> | undefined,
): ModelConfig | Errors.BadInput => {
  const named = json.dtype ?? json.torch_dtype ?? "float32"
  const dtype = Object.hasOwn(storedTypes, named) ? storedTypes[named] : undefined
  if (dtype === undefined) {
    return bad(`${file}, dtype`, quote(named), `one of ${Object.keys(storedTypes).join(", ")}`)
  }
  const ends = eos ?? eosList(json.eos_token_id) ?? []
  for (const id of ends) {
    if (id >= json.vocab_size) {
      return bad(
        `${eos === undefined ? file : path.join(path.dirname(file), "generation_config.json")}, eos_token_id`,
        `${id}`,
        `a token id below vocab_size (${json.vocab_size})`,
      )
    }
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

/** What a parsed config.json means; `file` names it in errors, `eos` are the end tokens that go before its own. */
export const configOf = Effect.fnUntraced(function* (file: string, json: unknown, eos?: ReadonlyArray<number>) {
  const architecture = architectureOf(json)
  const family =
    architecture !== undefined && Object.hasOwn(families, architecture) ? families[architecture] : undefined
  if (family === undefined) {
    const found = architecture === undefined ? "no architecture" : quote(architecture)
    return yield* Effect.fail(bad(`${file}, architectures`, found, `one of ${Object.keys(families).join(", ")}`))
  }
  const decoded = yield* decodeAt(ConfigJson, file)(json)
  const spec = specOf(file, family, decoded)
  if (spec instanceof Error) return yield* Effect.fail(spec)
  const config = fromJson(file, spec, decoded, eos)
  if (config instanceof Error) return yield* Effect.fail(config)
  return config
})

/** Reads config.json (else a GGUF file's own words) and, where it is there, generation_config.json of a checkpoint's folder. */
export const readConfig = Effect.fnUntraced(function* (folder: string) {
  const files = yield* Files
  const file = path.join(folder, "config.json")
  const eos = yield* readGenerationEos(folder)
  const gguf = files.existsSync(file) ? undefined : yield* ggufIn(folder)
  if (gguf === undefined) return yield* configOf(file, yield* readJson(file, jsonLimit), eos)
  return yield* configOf(gguf, yield* ggufConfigJson(yield* openGguf(gguf)), eos)
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
  return {
    family,
    layers,
    hidden,
    heads,
    kvHeads,
    headDim,
    ffn,
    vocab,
    tied,
    context,
    parameters,
    bytesPerWeight,
    ...(config.spec.qkNorm ? { qkNorm: true } : {}),
    ...(config.spec.postNorms === true ? { postNorms: true } : {}),
    ...(config.spec.sliding?.ropeTheta === undefined ? {} : { slidingRope: true }),
  }
}

/** Parameters of a small model: 16 MiB in f32. */
const small = 1 << 22

/** Of so small a model a call costs more than its arithmetic: 16-bit weights become f32 as they are read. */
export const isSmall = ({ spec }: ModelConfig): boolean => parameterCount(spec) <= small

/** The shape as the engine of that name holds it: 16-bit weights are as wide as they are stored, or f32. */
export const shapeHeldBy = (config: ModelConfig, engine: string, device = "cpu"): ModelShape => {
  const narrow = config.dtype !== "F32" && !isSmall(config) && (Memory.costs[engine]?.narrow ?? false)
  return {
    ...shapeOfConfig(config, narrow ? 2 : 4),
    engine,
    ...(device.startsWith("cuda") ? { device: "cuda" } : {}),
  }
}

/** The shape of a checkpoint by its config.json alone, as an engine holds it; no weight is read. */
export const shapeOf = (
  folder: string,
  engine = "tfjs-wasm",
  device = "cpu",
): Effect.Effect<ModelShape, Errors.BadInput | Errors.StorageFailed> =>
  Effect.map(readConfig(folder), (config) => shapeHeldBy(config, engine, device))

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
