import { Errors, type LoraOptions } from "hmx"
import type { DecoderSpec, LinearName } from "../decoder/DecoderSpec.ts"
import { linearNames } from "../decoder/DecoderSpec.ts"

/** PEFT's LoRA configuration, as far as it changes the arithmetic. */
export interface LoraConfig {
  readonly rank: number
  readonly alpha: number
  /** Scale by alpha / √rank in place of alpha / rank. */
  readonly rslora: boolean
  /** Names of modules (the end of their path), or "all-linear", or a regular expression that matches a whole path. */
  readonly targets: ReadonlyArray<string> | string
  /** Rank and alpha of the modules whose path ends with a match of the key. */
  readonly rankPattern: { readonly [pattern: string]: number }
  readonly alphaPattern: { readonly [pattern: string]: number }
}

/** An adapter on the host: tensors by PEFT's keys (`base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`). */
export interface LoraState {
  readonly config: LoraConfig
  readonly tensors: ReadonlyMap<string, { readonly data: Float32Array; readonly shape: ReadonlyArray<number> }>
}

/** A linear layer with LoRA. */
export interface LoraTarget {
  readonly layer: number
  readonly linear: LinearName
  readonly rank: number
  readonly scale: number
}

/** hmx's options with PEFT's meaning; alpha defaults to 2 × rank. */
export const loraConfig = (options: LoraOptions): LoraConfig => ({
  rank: options.rank,
  alpha: options.alpha ?? 2 * options.rank,
  rslora: options.rslora ?? false,
  targets: options.targets ?? "all-linear",
  rankPattern: {},
  alphaPattern: {},
})

/** Path of a module as PEFT sees it. */
export const modulePath = (layer: number, linear: LinearName): string => `model.layers.${layer}.${linear}`

export const peftKey = (layer: number, linear: LinearName, part: "A" | "B"): string =>
  `base_model.model.${modulePath(layer, linear)}.lora_${part}.weight`

const regular = (source: string): RegExp => {
  try {
    return new RegExp(source)
  } catch {
    throw new Errors.BadInput({ where: "LoRA targets", found: source, expected: "a regular expression" })
  }
}

/** PEFT's `get_pattern_key`: the first pattern that matches the path or an end of it after a dot. */
const byPattern = (patterns: { readonly [pattern: string]: number }, path: string): number | undefined =>
  Object.entries(patterns).find(([pattern]) => regular(`^(.*\\.)?(${pattern})$`).test(path))?.[1]

/** The linear layers that a configuration picks, in the model's order. Throws BadInput where it picks none. */
export const loraTargets = (spec: DecoderSpec, config: LoraConfig): ReadonlyArray<LoraTarget> => {
  const { targets } = config
  const full = typeof targets === "string" && targets !== "all-linear" ? regular(`^(?:${targets})$`) : undefined
  const picks = (path: string) =>
    full !== undefined
      ? full.test(path)
      : typeof targets === "string" || targets.some((target) => path === target || path.endsWith(`.${target}`))
  const picked: Array<LoraTarget> = []
  for (let layer = 0; layer < spec.layers; layer++)
    for (const linear of linearNames) {
      const path = modulePath(layer, linear)
      if (!picks(path)) continue
      const rank = byPattern(config.rankPattern, path) ?? config.rank
      const alpha = byPattern(config.alphaPattern, path) ?? config.alpha
      if (!Number.isSafeInteger(rank) || rank < 1)
        throw new Errors.BadInput({
          where: `LoRA rank of ${path}`,
          found: String(rank),
          expected: "a whole number ≥ 1",
        })
      if (!Number.isFinite(alpha))
        throw new Errors.BadInput({ where: `LoRA alpha of ${path}`, found: String(alpha), expected: "a number" })
      picked.push({ layer, linear, rank, scale: config.rslora ? alpha / Math.sqrt(rank) : alpha / rank })
    }
  const unknown =
    typeof targets === "string" ? [] : targets.filter((t) => !linearNames.some((n) => n === t || n.endsWith(`.${t}`)))
  const some = unknown.filter(
    (target) => !picked.some(({ layer, linear }) => modulePath(layer, linear).endsWith(target)),
  )
  if (picked.length === 0 || some.length > 0)
    throw new Errors.BadInput({
      where: "LoRA targets",
      found: some.length > 0 ? some.join(", ") : String(targets),
      expected: `names among ${linearNames.map((name) => name.split(".")[1]).join(", ")}`,
    })
  return picked
}
