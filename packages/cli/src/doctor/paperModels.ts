/** The models of the paper (arXiv 2606.05734), by their published config.json, and what one needs in memory. */
import { LoRAUpdate, Model, type ModelShape, Prompts, Sample, Stage } from "hmx"

type Sizes = Omit<ModelShape, "parameters" | "bytesPerWeight"> & {
  readonly name: string
  /** Weights of each layer's norms, in elements. */
  readonly norms: number
}

const models: ReadonlyArray<Sizes> = [
  {
    name: "Qwen3-0.6B",
    family: "qwen3",
    layers: 28,
    hidden: 1024,
    heads: 16,
    kvHeads: 8,
    headDim: 128,
    ffn: 3072,
    vocab: 151_936,
    tied: true,
    context: 40_960,
    norms: 2 * 1024 + 2 * 128,
  },
  {
    name: "Gemma-2-2B",
    family: "gemma2",
    layers: 26,
    hidden: 2304,
    heads: 8,
    kvHeads: 4,
    headDim: 256,
    ffn: 9216,
    vocab: 256_000,
    tied: true,
    context: 8192,
    norms: 4 * 2304,
  },
  {
    name: "Llama-3.2-3B",
    family: "llama",
    layers: 28,
    hidden: 3072,
    heads: 24,
    kvHeads: 8,
    headDim: 128,
    ffn: 8192,
    vocab: 128_256,
    tied: true,
    context: 131_072,
    norms: 2 * 3072,
  },
  {
    name: "Qwen3-4B",
    family: "qwen3",
    layers: 36,
    hidden: 2560,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    ffn: 9728,
    vocab: 151_936,
    tied: true,
    context: 40_960,
    norms: 2 * 2560 + 2 * 128,
  },
  {
    name: "Qwen3-8B",
    family: "qwen3",
    layers: 36,
    hidden: 4096,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    ffn: 12_288,
    vocab: 151_936,
    tied: false,
    context: 40_960,
    norms: 2 * 4096 + 2 * 128,
  },
]

/** Elements of all weights. */
const parameters = ({ ffn, headDim, heads, hidden, kvHeads, layers, norms, tied, vocab }: Sizes): number => {
  const attention = 2 * hidden * headDim * (heads + kvHeads)
  return (tied ? 1 : 2) * vocab * hidden + layers * (attention + 3 * hidden * ffn + norms) + hidden
}

/** The models with weights held in so many bytes each. */
export const paperModels = (bytesPerWeight: number): ReadonlyArray<ModelShape & { readonly name: string }> =>
  models.map((sizes) => ({ ...sizes, parameters: parameters(sizes), bytesPerWeight }))

/** Settings from the fastest to the most sparing: the first that fits is the one to take. */
const ladder = [
  { said: "as it is", update: {} },
  { said: "as it is, layers computed twice", update: { recompute: true } },
  { said: "microBatchGroups: 1", update: { recompute: true, microBatchGroups: 1 } },
] as const

/** What of a step is fixed here: eight prompts of 64 tokens, groups of eight, 256 new tokens, LoRA of rank 8 on every linear layer. */
export const step = { prompts: 8, promptTokens: 64, groupSize: 8, maxNewTokens: 256, rank: 8 } as const

/** Most bytes at one time: the weights, and the stage that takes most beside them. */
const needs = (shape: ModelShape, update: object): number => {
  const load: Stage.Load = {
    model: Model.nano,
    prompts: Prompts.inline(["?"], { perStep: step.prompts }),
    memory: "1 GiB",
    steps: 1,
    seed: 0,
    groupSize: step.groupSize,
    promptTokens: step.promptTokens,
    maxNewTokens: step.maxNewTokens,
  }
  const sample = Sample.stage({ groupSize: step.groupSize, maxNewTokens: step.maxNewTokens })
  const train = LoRAUpdate.stage({ rank: step.rank, learningRate: 1e-4, loss: "dapo", ...update })
  const bytes = [sample, train].map((stage) =>
    Stage.reserve(stage, shape, load).reduce((sum, part) => sum + part.bytes, 0),
  )
  return shape.parameters * shape.bytesPerWeight + Math.max(...bytes)
}

export interface Fit {
  readonly model: string
  readonly bytesPerWeight: number
  /** Bytes with the named settings, or with the most sparing ones where none fits. */
  readonly bytes: number
  /** Undefined where it does not fit. */
  readonly settings: string | undefined
  /** Whether that fits into what is free now. */
  readonly now: boolean
}

/** Each model with the first settings that fit into `free` bytes, else with the first that fit into `room`, once other programs have given theirs back. */
export const fits = (room: number, bytesPerWeight: number, free = room): ReadonlyArray<Fit> =>
  paperModels(bytesPerWeight).map((shape) => {
    const tried = ladder.map(({ said, update }) => ({ settings: said, bytes: needs(shape, update) }))
    const now = tried.find(({ bytes }) => bytes <= Math.min(free, room))
    const found = now ?? tried.find(({ bytes }) => bytes <= room)
    const last = tried.at(-1)
    return {
      model: shape.name,
      bytesPerWeight,
      bytes: found?.bytes ?? last?.bytes ?? Infinity,
      settings: found?.settings,
      now: now !== undefined,
    }
  })
