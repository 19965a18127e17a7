import { join } from "node:path"
import * as Schema from "effect/Schema"
import { policyLoss } from "@hmx/lm"
import { maxDelta } from "./compare.ts"
import { figureOf, figures, present, readJsonAs, readTensors, row, tensor } from "./fixtures.ts"
import { type Line, measured } from "./Line.ts"
import { lossOptions } from "./trlOptions.ts"

const Losses = Schema.Struct({
  cases: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      config: Schema.Record(Schema.String, Schema.Unknown),
      /** Name of the tensor, or a sentence that says there is none. */
      old: Schema.String,
      mask: Schema.String,
      max_completion_length: Schema.Number,
      current_gradient_accumulation_steps: Schema.Number,
      steps_per_generation: Schema.Number,
      num_items_in_batch: Schema.Number,
      loss: Schema.Number,
      metrics: figures,
    }),
  ),
})

const flat = (rows: ReadonlyArray<Float64Array>) => rows.flatMap((x) => [...x])

/** grpo/losses.*: loss, gradients and metrics of every case. */
export function* losses(root: string): Generator<Line> {
  const folder = join(root, "grpo")
  if (!present(folder, "losses.json", "losses.safetensors")) return
  const tensors = readTensors(join(folder, "losses.safetensors"))
  for (const item of readJsonAs(Losses, join(folder, "losses.json")).cases) {
    const name = `grpo/losses/${item.name}`
    const logprobs = tensor(tensors, "per_token_logps")
    const old = tensors.get(item.old)
    const mask = tensor(tensors, item.mask)
    const count = logprobs.shape[0] ?? 0
    const result = policyLoss(lossOptions(item.config), {
      rows: Array.from({ length: count }, (_, i) => ({
        logprobs: row(logprobs, i),
        oldLogprobs: old === undefined ? undefined : row(old, i),
        refLogprobs: row(tensor(tensors, "ref_per_token_logps"), i),
        entropies: row(tensor(tensors, "entropies"), i),
        mask: row(mask, i),
        advantage: tensor(tensors, "advantages").data[i] ?? Number.NaN,
      })),
      maxCompletionLength: item.max_completion_length,
      rowsInBatch: count * item.current_gradient_accumulation_steps,
      tokensInBatch: (item.num_items_in_batch * item.current_gradient_accumulation_steps) / item.steps_per_generation,
    })
    yield measured(name, "loss", maxDelta([result.loss], [item.loss]), 1e-6)
    yield measured(name, "gradient", maxDelta(flat(result.gradient), tensor(tensors, `grad.${item.name}`).data), 1e-6)
    const byEntropy = tensors.get(`grad_entropy.${item.name}`)
    if (byEntropy !== undefined) {
      yield measured(name, "gradient by entropy", maxDelta(flat(result.entropyGradient ?? []), byEntropy.data), 1e-6)
    }
    const metrics = Object.keys(item.metrics)
    yield measured(
      name,
      `${metrics.length} metrics`,
      maxDelta(
        metrics.map((key) => result.metrics[key] ?? Number.NaN),
        metrics.map((key) => figureOf(item.metrics[key] ?? Number.NaN)),
      ),
      1e-6,
    )
  }
}
