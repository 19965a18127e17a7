import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { crossEntropy, type Decoder, Lora, lossGradient, type ModelConfig, optimStep, readAdapter } from "@hmx/lm"
import { cappedLogits } from "./checkpoints.ts"
import { maxDelta, relativeError } from "./compare.ts"
import { Conditioning } from "./Conditioning.ts"
import { folders, type HostArray, readJsonAs, readTensors, row, tensor } from "./fixtures.ts"
import { guarded, type Line, measured } from "./Line.ts"
import { type Models, withModel } from "./models.ts"
import { pick, unpad } from "./rows.ts"

const Meta = Schema.Struct({
  checkpoint: Schema.String,
  lr: Schema.Number,
  betas: Schema.Tuple([Schema.Number, Schema.Number]),
  eps: Schema.Number,
  weight_decay: Schema.Number,
  max_grad_norm: Schema.Number,
  steps: Schema.Number,
  /** One a step, and one of the loss after the last. */
  log: Schema.Array(Schema.Struct({ loss: Schema.Number, grad_norm: Schema.optionalKey(Schema.Number) })),
})

/** lora/*: logits, gradients and optimiser steps of PEFT's adapters. */
export function* lora(root: string, models: Models): Generator<Line> {
  for (const folder of folders(join(root, "lora"))) {
    const name = `lora/${folder}`
    const path = join(root, name)
    yield* guarded(name, function* () {
      const meta = readJsonAs(Meta, join(path, "meta.json"))
      yield* withModel(name, models, meta.checkpoint, function* ({ decoder, config }) {
        const adapter = loadLora(decoder, config, join(path, "adapter_init"))
        try {
          yield* trained(name, path, meta, decoder, config, adapter)
        } finally {
          adapter.free()
        }
      })
    })
  }
}

export const loadLora = (decoder: Decoder, config: ModelConfig, folder: string): Lora =>
  Lora.load(decoder.engine, decoder.spec, Effect.runSync(readAdapter(folder, config)))

/** The weights of an adapter's folder by PEFT's keys. */
export const adapterWeights = (config: ModelConfig, folder: string): ReadonlyMap<string, Float32Array> => {
  const { tensors } = Effect.runSync(readAdapter(folder, config))
  return new Map([...tensors].map(([key, { data }]) => [key, data]))
}

/** The gradient of each parameter by its name without PEFT's prefix. */
const gradients = (adapter: Lora, { engine }: Decoder): ReadonlyMap<string, ArrayLike<number>> =>
  new Map(
    adapter.parameters.flatMap(({ key, gradient }) =>
      gradient === undefined ? [] : [[key.replace("base_model.model.", ""), engine.download(gradient)]],
    ),
  )

function* trained(
  name: string,
  path: string,
  meta: typeof Meta.Type,
  decoder: Decoder,
  config: ModelConfig,
  adapter: Lora,
): Generator<Line> {
  const tensors = readTensors(join(path, "vectors.safetensors"))
  const labels = tensor(tensors, "labels")
  const rows = unpad(tensor(tensors, "input_ids"), tensor(tensors, "attention_mask"))
  const [first] = rows
  if (first === undefined) return
  const { vocab } = decoder.spec
  const lastRow = (logits: Float32Array) => logits.subarray(logits.length - vocab)
  const logits = cappedLogits(decoder, first.tokens, adapter)
  yield measured(
    name,
    "logits",
    maxDelta(logits, pick(tensor(tensors, "logits_row0").data, first.columns, vocab)),
    1e-4,
  )
  // The reference's last column is a token only where row 0 is not padded.
  const whole = first.columns.at(-1) === (labels.shape[1] ?? 0) - 1
  if (whole) {
    const base = lastRow(cappedLogits(decoder, first.tokens))
    yield measured(name, "logits of the base", maxDelta(base, tensor(tensors, "base_logits_row0_last").data), 1e-4)
  }

  const sequences = rows.map(({ tokens }) => ({ tokens, from: 1 }))
  const masks = rows.map(({ columns }, b) => columns.slice(1).map((t) => (row(labels, b)[t] === -100 ? 0 : 1)))
  const backward = () =>
    lossGradient(decoder, adapter, sequences, (values) =>
      crossEntropy(values.map(({ logprobs }, b) => ({ logprobs, mask: masks[b] }))),
    )
  const conditioning = new Conditioning(decoder.engine, adapter)
  let lossDelta = 0
  let normDelta = 0
  for (let step = 0; step < meta.steps; step++) {
    const { loss } = backward()
    if (step === 0) yield* gradientLines(name, gradients(adapter, decoder), tensors)
    const norm = optimStep(decoder.engine, adapter, {
      learningRate: meta.lr,
      beta1: meta.betas[0],
      beta2: meta.betas[1],
      epsilon: meta.eps,
      weightDecay: meta.weight_decay,
      maxGradNorm: meta.max_grad_norm,
    })
    conditioning.stepped({
      norm: Math.min(norm, meta.max_grad_norm),
      learningRate: meta.lr,
      beta2: meta.betas[1],
      epsilon: meta.eps,
    })
    const log = meta.log[step]
    lossDelta = Math.max(lossDelta, maxDelta([loss], [log?.loss ?? Number.NaN]))
    normDelta = Math.max(normDelta, relativeError([norm], [log?.grad_norm ?? Number.NaN]))
  }
  lossDelta = Math.max(lossDelta, maxDelta([backward().loss], [meta.log[meta.steps]?.loss ?? Number.NaN]))
  yield measured(name, `losses of ${meta.steps} AdamW steps and after`, lossDelta, 1e-4)
  yield measured(name, `gradient norms of ${meta.steps} AdamW steps, relative`, normDelta, 1e-3)
  const golden = adapterWeights(config, join(path, "adapter_step3"))
  yield* conditioning.lines(name, `weights after ${meta.steps} AdamW steps`, golden, 1e-5)
  if (whole) {
    const after = lastRow(cappedLogits(decoder, first.tokens, adapter))
    const merged = tensor(tensors, "merged_step3_logits_row0_last").data
    yield measured(
      name,
      `logits after ${meta.steps} AdamW steps, against merged weights`,
      maxDelta(after, merged),
      1e-4,
    )
  }
}

function* gradientLines(
  name: string,
  found: ReadonlyMap<string, ArrayLike<number>>,
  tensors: ReadonlyMap<string, HostArray>,
): Generator<Line> {
  const expected = [...tensors].filter(([key]) => key.startsWith("grad."))
  const errors = expected.map(([key, { data }]) => relativeError(found.get(key.slice("grad.".length)) ?? [], data))
  yield measured(name, `${expected.length} gradients, relative`, Math.max(...errors), 1e-3)
}
