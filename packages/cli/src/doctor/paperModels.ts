/** What the models of the paper (arXiv 2606.05734) need in memory. */
import { configOfKnown, knownModels, shapeOfConfig } from "@hmx/lm"
import * as Effect from "effect/Effect"
import { LoRAUpdate, Model, type ModelShape, Prompts, Sample, Stage } from "hmx"

/** The models with weights held in so many bytes each, the smallest first. */
export const paperModels = (bytesPerWeight: number) =>
  Effect.map(
    Effect.forEach(knownModels, (known) =>
      Effect.map(configOfKnown(known), (config) => ({
        name: known.repo.slice(known.repo.indexOf("/") + 1),
        shape: shapeOfConfig(config, bytesPerWeight),
      })),
    ),
    (models) => models.toSorted((a, b) => a.shape.parameters - b.shape.parameters),
  )

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
export const fits = Effect.fnUntraced(function* (room: number, bytesPerWeight: number, free: number = room) {
  return (yield* paperModels(bytesPerWeight)).map(({ name, shape }): Fit => {
    const tried = ladder.map(({ said, update }) => ({ settings: said, bytes: needs(shape, update) }))
    const now = tried.find(({ bytes }) => bytes <= Math.min(free, room))
    const found = now ?? tried.find(({ bytes }) => bytes <= room)
    const last = tried.at(-1)
    return {
      model: name,
      bytesPerWeight,
      bytes: found?.bytes ?? last?.bytes ?? Infinity,
      settings: found?.settings,
      now: now !== undefined,
    }
  })
})
