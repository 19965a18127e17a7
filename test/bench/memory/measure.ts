/** Planned and measured peaks of one shape on one engine: sampling, scoring, updates with and without recomputation. */
import {
  type DecoderSpec,
  type Engine,
  forwardBackward,
  freeDecoder,
  generate,
  Lora,
  loraConfig,
  optimStep,
  parameterCount,
  sequenceLogProbs,
} from "@hmx/lm"
import { Memory, type ModelShape } from "hmx"
import { decoderOf } from "./shapes.ts"

/** Prompts of a step, completions each, and tokens of both: all as long as they may be. */
export interface Load {
  readonly prompts: number
  readonly promptTokens: number
  readonly completions: number
  readonly tokens: number
}

/** From a few rows, where weights count most, to long answers, where attention does. */
export const loads: ReadonlyArray<Load> = [
  { prompts: 2, promptTokens: 20, completions: 4, tokens: 16 },
  { prompts: 8, promptTokens: 20, completions: 8, tokens: 48 },
  { prompts: 2, promptTokens: 64, completions: 8, tokens: 100 },
  { prompts: 2, promptTokens: 100, completions: 4, tokens: 200 },
  { prompts: 4, promptTokens: 200, completions: 4, tokens: 24 },
]

/** All in bytes, weights and adapter among them. */
export interface Line {
  readonly what: string
  readonly planned: number
  readonly measured: number
}

export const shapeOn = (engine: Engine, spec: DecoderSpec): ModelShape => ({
  ...spec,
  parameters: parameterCount(spec),
  // The weights here are f32.
  bytesPerWeight: 4,
  engine: engine.info.name,
})

const lora = { rank: 8, targets: "all-linear" } as const

export function* measure(engine: Engine, spec: DecoderSpec, wanted: ReadonlyArray<Load> = loads): Generator<Line> {
  const shape = shapeOn(engine, spec)
  const decoder = decoderOf(engine, spec)
  const weights = Memory.weightsBytes(shape)
  const adapter = weights + Memory.adapterBytes(shape, lora)
  const trained = adapter + Memory.momentsBytes(shape, lora)
  const peak = (work: () => unknown): number => {
    engine.resetPeak()
    work()
    return engine.memory().peak
  }
  const ids = (n: number, of: number) =>
    Array.from({ length: n }, (_, i) => (of * 7919 + i * 104_729 + 11) % spec.vocab)
  try {
    yield { what: "at rest", planned: weights, measured: engine.memory().bytes }
    for (const { completions, promptTokens, prompts, tokens } of wanted) {
      const at = `${prompts} × ${completions}, ${promptTokens} + ${tokens} tokens`
      const policy = Lora.create(engine, spec, loraConfig(lora), 5)
      const groups = Array.from({ length: prompts }, (_, p) => ({
        prompt: ids(promptTokens, p),
        completions: Array.from({ length: completions }, (_, c) => ({
          tokens: ids(tokens, 1000 + p * completions + c),
          advantage: c - completions / 2 + 0.5,
        })),
      }))
      const sampling = Memory.samplingBytes(shape, {
        prompts,
        completions,
        promptTokens,
        maxNewTokens: tokens,
        lora,
        // There is no token that ends an answer.
        together: true,
      })
      const requests = groups.map(({ prompt }, p) => ({
        prompt,
        n: completions,
        params: { maxNewTokens: tokens },
        key: { seed: 1, step: 1, prompt: p },
      }))
      yield {
        what: `sample ${at}`,
        planned: adapter + sampling.cache + sampling.rest,
        measured: peak(() => generate(decoder, requests, { eos: [], lora: policy })),
      }
      const trees = Memory.groupTrees(prompts, promptTokens, completions, tokens)
      const sequences = groups.flatMap(({ completions: all, prompt }) =>
        all.map((c) => ({ tokens: [...prompt, ...c.tokens], from: promptTokens + tokens - 1 })),
      )
      yield {
        what: `score ${at}`,
        planned: adapter + Memory.scoringBytes(shape, { ...trees, wanted: prompts * completions }),
        measured: peak(() => sequenceLogProbs(decoder, policy, sequences)),
      }
      const half = Math.floor(shape.layers / 2)
      for (const [said, layersKept] of [
        ["", shape.layers],
        [`, ${half} of ${shape.layers} layers recomputed`, shape.layers - half],
        [", recomputing", 0],
      ] as const) {
        const update = Memory.updateBytes(shape, trees, { ...lora, recompute: true, layersKept })
        const request = {
          groups,
          loss: { loss: "dapo" as const },
          temperature: 0.8,
          maxCompletionLength: tokens,
          // Of a layer the engine counts a little more or less than the closed form.
          keepBytes: layersKept === shape.layers ? Infinity : update.kept * (1 + 0.5 / Math.max(1, layersKept)),
        }
        const before = policy.steps > 0 ? trained : adapter
        const measured = Math.max(
          peak(() => forwardBackward(decoder, policy, request)),
          peak(() => optimStep(engine, policy, { learningRate: 1e-3, maxGradNorm: 1 })),
        )
        yield {
          what: `update ${at}${said}`,
          planned: before + update.activations + update.logits + update.gradients,
          measured,
        }
      }
      policy.free()
    }
  } finally {
    freeDecoder(decoder)
  }
}
