import { existsSync } from "node:fs"
import { join } from "node:path"
import * as Schema from "effect/Schema"
import { policyLoss } from "@hmx/lm"
import { maxDelta } from "./compare.ts"
import { figureOf, figures, type HostArray, readJsonAs, readTensors, row, some, tensor } from "./fixtures.ts"
import { failed, guarded, type Line, measured } from "./Line.ts"
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
  if (!existsSync(folder)) return
  yield* guarded("grpo/losses", function* () {
    const tensors = readTensors(join(folder, "losses.safetensors"))
    const cases = some(readJsonAs(Losses, join(folder, "losses.json")).cases, "cases of losses")
    for (const item of cases) {
      const name = `grpo/losses/${item.name}`
      yield* guarded(name, () => lossCase(name, item, tensors))
    }
    // A gradient of no case is one whose case was lost.
    for (const key of tensors.keys()) {
      const [, of] = /^grad(?:_entropy)?\.(.*)$/.exec(key) ?? []
      if (of !== undefined && !cases.some((item) => item.name === of))
        yield failed(`grpo/losses/${of}`, `no case of ${key}`)
    }
  })
}

function* lossCase(
  name: string,
  item: (typeof Losses.Type)["cases"][number],
  tensors: ReadonlyMap<string, HostArray>,
): Generator<Line> {
  const logprobs = tensor(tensors, "per_token_logps")
  const old = item.old.startsWith("absent") ? undefined : tensor(tensors, item.old)
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
  if ((item.config["entropy_coef"] ?? 0) !== 0) {
    const byEntropy = tensor(tensors, `grad_entropy.${item.name}`)
    yield measured(name, "gradient by entropy", maxDelta(flat(result.entropyGradient ?? []), byEntropy.data), 1e-6)
  }
  const metrics = some(Object.keys(item.metrics), "metrics")
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
