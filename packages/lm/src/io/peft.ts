/**
 * LoRA adapters in PEFT's format: adapter_config.json and adapter_model.safetensors. What PEFT can say there and this decoder does
 * not compute is refused by the option's name: an adapter is never half applied.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Errors } from "hmx"
import * as path from "node:path"
import { linearNames, linearShape } from "../decoder/DecoderSpec.ts"
import { loraTargets, peftKey } from "../lora/LoraConfig.ts"
import type { LoraConfig, LoraState, LoraTarget } from "../lora/LoraConfig.ts"
import type { ModelConfig } from "./config.ts"
import { decodeAt } from "./decodeAt.ts"
import { bad, isObject, jsonFile, quote, readJson, show, writeAtomically } from "./Files.ts"
import type { FileToWrite } from "./Files.ts"
import { firstNonFinite } from "./floats.ts"
import { openSafetensors, readFloat, serialise, toF32 } from "./safetensors.ts"

const configName = "adapter_config.json"
const weightsName = "adapter_model.safetensors"
const jsonLimit = 10_000_000

const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 ** 20 }))
const Patterns = Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite))

const AdapterJson = Schema.Struct({
  peft_type: Schema.Literal("LORA"),
  task_type: Schema.optionalKey(Schema.NullOr(Schema.Literal("CAUSAL_LM"))),
  r: Count,
  lora_alpha: Schema.Finite,
  /** Of training; it changes nothing in what the adapter computes. */
  lora_dropout: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))),
  use_rslora: Schema.optionalKey(Schema.Boolean),
  target_modules: Schema.Union([Schema.String, Schema.Array(Schema.String)]),
  rank_pattern: Patterns,
  alpha_pattern: Patterns,
  bias: Schema.optionalKey(Schema.Literal("none")),
  init_lora_weights: Schema.optionalKey(Schema.NullOr(Schema.Union([Schema.Boolean, Schema.String]))),
})

/** Options that say nothing about the arithmetic. */
const silent = new Set([
  "auto_mapping",
  "base_model_name_or_path",
  "revision",
  "inference_mode",
  "peft_version",
  "megatron_core",
  "qalora_group_size",
  "layers_pattern",
  "ensure_weight_tying",
  "runtime_config",
  "eva_config",
])

/** Initialisations that leave the base weights as they are (pissa, olora, corda, loftq and lora_ga change them). */
const plainInit = new Set<unknown>([undefined, null, true, false, "gaussian", "eva", "orthogonal"])

const isNothing = (x: unknown): boolean =>
  x === null || x === false || (Array.isArray(x) && x.length === 0) || (isObject(x) && Object.keys(x).length === 0)

/** The first option that is set and not honoured; else nothing. */
const unsupported = (file: string, json: unknown): Errors.BadInput | undefined => {
  if (!isObject(json)) return bad(file, "no JSON object", "PEFT's configuration")
  if (!plainInit.has(json["init_lora_weights"])) {
    const found = quote(String(json["init_lora_weights"]))
    return bad(`${file}, init_lora_weights`, found, "an initialisation that leaves the base weights as they are")
  }
  for (const [key, value] of Object.entries(json)) {
    if (Object.hasOwn(AdapterJson.fields, key) || silent.has(key) || isNothing(value)) continue
    return bad(`${file}, ${quote(key)}`, show(value), "null, false or empty: this option is not supported")
  }
  return undefined
}

/** The layers that a configuration picks in a model, with PEFT's rules. */
const targetsOf = (
  where: string,
  model: ModelConfig,
  config: LoraConfig,
): Effect.Effect<ReadonlyArray<LoraTarget>, Errors.BadInput> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(loraTargets(model.spec, config))
    } catch (error) {
      if (error instanceof Errors.BadInput)
        return Effect.fail(bad(`${where}, ${error.where}`, quote(error.found), error.expected))
      throw error
    }
  })

/** The adapter's tensors with their shapes, by PEFT's keys: A [rank, in], B [out, rank]. */
const shapesOf = (
  model: ModelConfig,
  targets: ReadonlyArray<LoraTarget>,
): ReadonlyMap<string, ReadonlyArray<number>> => {
  const shapes = new Map<string, ReadonlyArray<number>>()
  for (const { layer, linear, rank } of targets) {
    const [out, into] = linearShape(model.spec, linear)
    shapes.set(peftKey(layer, linear, "A"), [rank, into])
    shapes.set(peftKey(layer, linear, "B"), [out, rank])
  }
  return shapes
}

/** Reads an adapter of this model from a folder that PEFT or `writeAdapter` wrote; its tensors are widened to f32. */
export const readAdapter = Effect.fnUntraced(function* (folder: string, model: ModelConfig) {
  const configFile = path.join(folder, configName)
  const json = yield* readJson(configFile, jsonLimit)
  const refused = unsupported(configFile, json)
  if (refused !== undefined) return yield* Effect.fail(refused)
  const found = yield* decodeAt(AdapterJson, configFile)(json)
  const config: LoraConfig = {
    rank: found.r,
    alpha: found.lora_alpha,
    rslora: found.use_rslora ?? false,
    targets: found.target_modules,
    rankPattern: found.rank_pattern ?? {},
    alphaPattern: found.alpha_pattern ?? {},
  }
  const shapes = shapesOf(model, yield* targetsOf(configFile, model, config))
  const file = yield* openSafetensors(path.join(folder, weightsName))
  const tensors = new Map<string, { readonly shape: ReadonlyArray<number>; readonly data: Float32Array }>()
  for (const [name, shape] of shapes) {
    const where = `${file.path}, tensor ${quote(name)}`
    const t = file.tensors.get(name)
    const wanted = `shape [${shape.join(", ")}], as ${configName} and the model say`
    if (t === undefined) return yield* Effect.fail(bad(where, "no such tensor", wanted))
    if (t.shape.join() !== shape.join()) return yield* Effect.fail(bad(where, `shape [${t.shape.join(", ")}]`, wanted))
    const data = toF32(yield* readFloat(file, name))
    const at = firstNonFinite(data, "F32")
    if (at >= 0) return yield* Effect.fail(bad(`${where}, element ${at}`, "NaN or infinity", "a finite number"))
    tensors.set(name, { shape, data })
  }
  for (const name of file.tensors.keys()) {
    if (!shapes.has(name)) {
      const where = `${file.path}, tensor ${quote(name)}`
      return yield* Effect.fail(
        bad(where, "a tensor", `only the tensors of ${configName}'s target_modules in this model`),
      )
    }
  }
  const adapter: LoraState = { config, tensors }
  return adapter
})

/** PEFT itself writes "all-linear" as the names it stood for; other readers know no other way. */
const targetList = (targets: LoraConfig["targets"]): string | ReadonlyArray<string> => {
  if (targets === "all-linear") return linearNames.map((name) => name.slice(name.indexOf(".") + 1)).toSorted()
  return typeof targets === "string" ? targets : targets.toSorted()
}

/** The two files of an adapter, to be written (with others, if need be, by one `writeAtomically`). `base` names the model. */
export const adapterFiles = (
  folder: string,
  { config, tensors }: LoraState,
  base: string,
): Effect.Effect<ReadonlyArray<FileToWrite>, Errors.BadInput> =>
  Effect.gen(function* () {
    const list = Array.from(tensors, ([name, { shape, data }]) => ({ name, dtype: "F32" as const, shape, data }))
    const weights = yield* serialise(path.join(folder, weightsName), list, { format: "pt" })
    const { rank, alpha, rslora, targets, rankPattern, alphaPattern } = config
    return [
      weights,
      jsonFile(path.join(folder, configName), {
        alpha_pattern: alphaPattern,
        base_model_name_or_path: base,
        bias: "none",
        fan_in_fan_out: false,
        inference_mode: true,
        init_lora_weights: true,
        lora_alpha: alpha,
        lora_dropout: 0,
        modules_to_save: null,
        peft_type: "LORA",
        r: rank,
        rank_pattern: rankPattern,
        target_modules: targetList(targets),
        task_type: "CAUSAL_LM",
        use_dora: false,
        use_rslora: rslora,
      }),
    ]
  })

/** Writes an adapter for PEFT: both files, or neither on a failure. The same adapter gives the same bytes. */
export const writeAdapter = (
  folder: string,
  adapter: LoraState,
  base: string,
): Effect.Effect<void, Errors.BadInput | Errors.StorageFailed> =>
  Effect.flatMap(adapterFiles(folder, adapter, base), writeAtomically)
