import { join } from "node:path"
import * as Schema from "effect/Schema"
import { crossEntropy, type Decoder, type Engine, type Lora, lossGradient, optimStep } from "@hmx/lm"
import { adapterWeights, loadLora } from "./adapters.ts"
import { cappedLogits } from "./checkpoints.ts"
import { maxDelta, relativeError } from "./compare.ts"
import { folders, type HostArray, readJsonAs, readTensors, row, some, tensor } from "./fixtures.ts"
import { guarded, type Line, measured, skipped } from "./Line.ts"
import { type Models, withModel } from "./models.ts"
import { pick, unpad } from "./rows.ts"
import { Conditioning } from "./Conditioning.ts"
import { type Quantity, Trajectory } from "./Trajectory.ts"

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

type Meta = typeof Meta.Type

/** lora/*: logits, gradients and optimiser steps of PEFT's adapters. */
export function* lora(root: string, models: Models): Generator<Line> {
  for (const folder of folders(join(root, "lora"))) {
    const name = `lora/${folder}`
    const path = join(root, name)
    yield* guarded(name, function* () {
      const meta = readJsonAs(Meta, join(path, "meta.json"))
      yield* withModel(name, models, meta.checkpoint, function* ({ decoder, config }) {
        if (!(meta.steps >= 1) || meta.log.length !== meta.steps + 1)
          throw new Error(`meta.json: ${meta.log.length} entries of log for ${meta.steps} steps`)
        const tensors = readTensors(join(path, "vectors.safetensors"))
        if (lastLogits(decoder, tensors) === undefined)
          yield skipped(name, "logits of the last token: the last column of row 0 is padding")
        const load = () => loadLora(decoder, config, join(path, "adapter_init"))
        const adapter = load()
        try {
          yield* guarded(name, () => untrained(name, decoder, adapter, tensors))
        } finally {
          adapter.free()
        }
        const golden = adapterWeights(config, join(path, "adapter_step3"))
        const figures = quantities(meta.steps, decoder.spec.family)
        const start = load()
        try {
          yield* trained(meta, figures, decoder, start, tensors, golden).lines(name)
        } finally {
          start.free()
        }
      })
    })
  }
}

type Tensors = ReadonlyMap<string, HostArray>

const rowsOf = (tensors: Tensors) => unpad(tensor(tensors, "input_ids"), tensor(tensors, "attention_mask"))

/** Logits of row 0's last token; undefined where the reference's last column is padding. */
const lastLogits = (decoder: Decoder, tensors: Tensors, adapter?: Lora): Float32Array | undefined => {
  const [first] = rowsOf(tensors)
  const width = tensor(tensors, "input_ids").shape[1] ?? 0
  if (first === undefined || first.columns.at(-1) !== width - 1) return undefined
  const logits = cappedLogits(decoder, first.tokens, adapter)
  return logits.subarray(logits.length - decoder.spec.vocab)
}

/** Adds the gradient of the cross-entropy over the labels that count. */
const backward = (decoder: Decoder, adapter: Lora, tensors: Tensors) => {
  const labels = tensor(tensors, "labels")
  const rows = rowsOf(tensors)
  // The label of the token in column t is predicted in column t − 1.
  const masks = rows.map(({ columns }, b) => columns.slice(1).map((t) => (row(labels, b)[t] === -100 ? 0 : 1)))
  return lossGradient(
    decoder,
    adapter,
    rows.map(({ tokens }) => ({ tokens, from: 1 })),
    (values) => crossEntropy(values.map(({ logprobs }, b) => ({ logprobs, mask: masks[b] }))),
  )
}

const rms = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, x) => sum + x * x, 0) / values.length)

const gradientOf = (key: string) => key.replace("base_model.model.", "grad.")
const isGradient = (key: string) => key.startsWith("grad.")

function* untrained(name: string, decoder: Decoder, adapter: Lora, tensors: Tensors): Generator<Line> {
  const [first] = rowsOf(tensors)
  if (first === undefined) throw new Error("no row in input_ids")
  const logits = cappedLogits(decoder, first.tokens, adapter)
  const expected = pick(tensor(tensors, "logits_row0").data, first.columns, decoder.spec.vocab)
  yield measured(name, "logits", maxDelta(logits, expected), 1e-4)
  const base = lastLogits(decoder, tensors)
  if (base !== undefined) {
    yield measured(name, "logits of the base", maxDelta(base, tensor(tensors, "base_logits_row0_last").data), 1e-4)
  }
  backward(decoder, adapter, tensors)
  const found = new Map(
    adapter.parameters.map(({ key, gradient }) => [
      gradientOf(key),
      gradient === undefined ? [] : decoder.engine.download(gradient),
    ]),
  )
  const keys = some([...new Set([...found.keys(), ...[...tensors.keys()].filter(isGradient)])], "gradients")
  const errors = keys.map((key) => relativeError(found.get(key) ?? [], tensor(tensors, key).data))
  yield measured(name, `${keys.length} gradients, relative`, Math.max(...errors), 1e-3)
  const elements = keys.map(
    (key) => maxDelta(found.get(key) ?? [], tensor(tensors, key).data) / rms(tensor(tensors, key).data),
  )
  yield measured(name, "an element of a gradient, by its tensor's root mean square", Math.max(...elements), 1e-4)
}

/** Logits of a family: the tightest bound for the one that HMX began with. */
const logitsBound = (family: string) => (family === "qwen3" ? 1e-4 : 2e-4)

const quantities = (steps: number, family: string) =>
  ({
    losses: { what: `losses of ${steps} AdamW steps and after`, by: "absolute", bound: 1e-4 },
    norms: { what: `gradient norms of ${steps} AdamW steps`, by: "relative", bound: 1e-3 },
    weights: { what: `weights after ${steps} AdamW steps`, by: "absolute", bound: 1e-5 },
    logits: {
      what: `logits after ${steps} AdamW steps, against merged weights`,
      by: "absolute",
      bound: logitsBound(family),
    },
  }) satisfies { readonly [name: string]: Quantity }

const gradientNorm = (engine: Engine, adapter: Lora): number =>
  Math.sqrt(engine.sumSquares(adapter.parameters.flatMap(({ gradient }) => gradient ?? [])))

/** Puts the reference's gradients in the places of ours. */
const setGradients = (engine: Engine, adapter: Lora, tensors: Tensors): void => {
  adapter.zeroGrad()
  for (const parameter of adapter.parameters) {
    const { data } = tensor(tensors, gradientOf(parameter.key))
    parameter.gradient = engine.keep(engine.upload(Float32Array.from(data), parameter.tensor.shape, "f32"))
  }
  adapter.gathered = true
}

/**
 * The reference's optimiser steps, made by ours. AdamW's first step is g / (|g| + ε), the sign of the gradient: where that is as small as
 * its rounding, the weights after it are not determined, and what follows from them neither. So the first step is made of the
 * reference's own gradients, to which ours are compared elsewhere; the gradients of the later steps are ours, at weights that are the reference's.
 */
const trained = (
  meta: Meta,
  { losses, norms, weights, logits }: ReturnType<typeof quantities>,
  decoder: Decoder,
  adapter: Lora,
  tensors: Tensors,
  golden: ReadonlyMap<string, Float32Array>,
): Trajectory => {
  const out = new Trajectory()
  const conditioning = new Conditioning()
  const options = {
    learningRate: meta.lr,
    beta1: meta.betas[0],
    beta2: meta.betas[1],
    epsilon: meta.eps,
    weightDecay: meta.weight_decay,
    maxGradNorm: meta.max_grad_norm,
  }
  const loss = (step: number) => {
    out.add(losses, [backward(decoder, adapter, tensors).loss], [meta.log[step]?.loss ?? Number.NaN])
  }
  for (let step = 0; step < meta.steps; step++) {
    loss(step)
    out.add(norms, [gradientNorm(decoder.engine, adapter)], [meta.log[step]?.grad_norm ?? Number.NaN])
    if (step === 0) setGradients(decoder.engine, adapter, tensors)
    conditioning.observe(decoder.engine, adapter, options, step === 0)
    optimStep(decoder.engine, adapter, options)
  }
  for (const [key, { data }] of adapter.state().tensors)
    out.add(weights, data, golden.get(key) ?? [], { movement: conditioning.movement(key), step: meta.lr })
  const after = lastLogits(decoder, tensors, adapter)
  if (after !== undefined) out.add(logits, after, tensor(tensors, "merged_step3_logits_row0_last").data)
  loss(meta.steps)
  return out
}
