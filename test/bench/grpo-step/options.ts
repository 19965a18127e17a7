/** What the command line asks of the bench. */
import { parseArgs } from "node:util"
import type { Size, Workload } from "./workload.ts"
import { compared, sizes } from "./workload.ts"

export interface Options {
  readonly work: Workload
  readonly device: "cpu" | "cuda"
  readonly dtype: "float32" | "bfloat16"
  readonly dtypeReason: string
  readonly rounds: number
  readonly steps: number
  readonly threads: number
  readonly keepBytes: number
  readonly python: string
  /** The baseline's script; none: undefined. */
  readonly baseline: string | undefined
  readonly folder: string | undefined
}

/** What the machine says. */
export interface Around {
  readonly threads: number
  /** The processor has instructions for bf16. */
  readonly narrow: boolean
  /** The baseline's script where none is named. */
  readonly baseline: string
}

/** A flag that means nothing, in a sentence. */
export class Unusable extends Error {}

const refuse = (sentence: string): never => {
  throw new Unusable(sentence)
}
const count = (name: string, text: string): number => {
  const n = Number(text)
  return Number.isSafeInteger(n) && n > 0 ? n : refuse(`--${name} is ${text}; expected a whole number ≥ 1`)
}
const oneOf = <A extends string>(name: string, text: string, all: ReadonlyArray<A>): A =>
  all.find((one) => one === text) ?? refuse(`--${name} is ${text}; expected one of ${all.join(", ")}`)

const flags = {
  size: { type: "string", default: "small" },
  groups: { type: "string" },
  rounds: { type: "string" },
  steps: { type: "string" },
  device: { type: "string", default: "cpu" },
  python: { type: "string", default: "python3" },
  dtype: { type: "string" },
  threads: { type: "string" },
  "new-tokens": { type: "string" },
  "prompt-tokens": { type: "string", default: "128" },
  "keep-mib": { type: "string", default: "400" },
  baseline: { type: "string" },
  folder: { type: "string" },
} as const

const parsed = (args: ReadonlyArray<string>) => {
  try {
    return parseArgs({ args: [...args], options: flags }).values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

/** Prompts of an iteration. Keys and values of the large shapes' rows take gigabytes: two groups are decoded at a time. */
const groupsOf = (size: Size, device: Options["device"]): number =>
  compared.includes(size) ? (device === "cuda" ? 8 : 4) : 2

/** Throws `Unusable`. */
export function options(args: ReadonlyArray<string>, around: Around): Options {
  const values = parsed(args)
  const size = oneOf("size", values.size, sizes)
  const device = oneOf("device", values.device, ["cpu", "cuda"])
  const alone = !compared.includes(size)
  const narrow = alone || device === "cuda" || around.narrow
  const dtype = oneOf("dtype", values.dtype ?? (narrow ? "bfloat16" : "float32"), ["float32", "bfloat16"])
  if (alone && dtype !== "bfloat16") refuse(`--dtype is ${dtype}; ${size} is for bfloat16 alone`)
  const baseline = values.baseline ?? (alone ? "none" : around.baseline)
  if (alone && baseline !== "none") refuse(`--baseline is ${baseline}; ${size} has none: expected none`)
  return {
    work: {
      size,
      groups: count("groups", values.groups ?? String(groupsOf(size, device))),
      groupSize: 8,
      promptTokens: count("prompt-tokens", values["prompt-tokens"]),
      newTokens: count("new-tokens", values["new-tokens"] ?? (device === "cuda" ? "256" : "64")),
      judgePrompt: 384,
      judgeTokens: 16,
      loraRank: 16,
      seed: 0,
    },
    device,
    dtype,
    dtypeReason:
      values.dtype !== undefined
        ? "asked for"
        : alone
          ? `of ${size}`
          : device === "cuda"
            ? "CUDA"
            : `this processor has ${around.narrow ? "" : "no "}instructions for bf16`,
    // A round of 0.6b takes ten minutes on two cores.
    rounds: count("rounds", values.rounds ?? (size === "small" ? "2" : "1")),
    steps: count("steps", values.steps ?? (size === "small" ? "3" : "1")),
    threads: count("threads", values.threads ?? String(around.threads)),
    keepBytes: count("keep-mib", values["keep-mib"]) * 2 ** 20,
    python: values.python,
    baseline: baseline === "none" ? undefined : baseline,
    folder: values.folder,
  }
}

/** Memory of cards that the large shapes are meant for, in bytes: a GB is 10⁹ of them. */
const cards = { "16 GB": 16e9, "24 GB": 24e9 } as const

/** Whether a peak stays within each of them. */
export const within = (peakMib: number) =>
  Object.fromEntries(Object.entries(cards).map(([name, bytes]) => [name, peakMib * 2 ** 20 <= bytes] as const))
