import { readdirSync } from "node:fs"
import { join } from "node:path"
import * as Schema from "effect/Schema"
import { processLogits, type ProcessorParams } from "@hmx/lm"
import { differences, maxDelta } from "./compare.ts"
import { present, readJsonAs, readTensors, row, some, tensor } from "./fixtures.ts"
import { guarded, type Line, measured, skipped } from "./Line.ts"

const names: { readonly [hf: string]: keyof ProcessorParams } = {
  temperature: "temperature",
  top_k: "topK",
  top_p: "topP",
  min_p: "minP",
  repetition_penalty: "repetitionPenalty",
}

const Vectors = Schema.Struct({
  sampling: Schema.Array(Schema.Struct({ params: Schema.Record(Schema.String, Schema.Number) })),
})

/** vectors/*: every set of parameters through the logits processors. One line a checkpoint. */
export function* sampling(root: string): Generator<Line> {
  const folder = join(root, "vectors")
  if (!present(root, "vectors")) return
  for (const file of readdirSync(folder).toSorted()) {
    if (!file.endsWith(".json")) continue
    const name = `vectors/${file.slice(0, -".json".length)}`
    yield* guarded(name, () => samplers(name, join(root, name)))
  }
}

function* samplers(name: string, path: string): Generator<Line> {
  const cases = some(readJsonAs(Vectors, `${path}.json`).sampling, "parameters of samplers")
  const tensors = readTensors(`${path}.safetensors`)
  const logits = tensor(tensors, "sampling.logits").data
  const history = row(tensor(tensors, "left.input_ids"), 0)
  const scores = [...tensors.keys()].filter((key) => key.endsWith(".processed")).length
  if (scores !== cases.length) throw new Error(`${cases.length} parameters of samplers, ${scores} results`)
  let delta = 0
  let kept = 0
  let compared = 0
  for (const [i, { params }] of cases.entries()) {
    const unknown = Object.keys(params).filter((key) => names[key] === undefined)
    if (unknown.length > 0) {
      yield skipped(`${name}/sampling.${i}`, `unsupported parameter ${unknown.join(", ")}`)
      continue
    }
    const ours: ProcessorParams = Object.fromEntries(Object.entries(params).map(([key, x]) => [names[key], x]))
    const found = processLogits(logits, ours, history)
    const expected = tensor(tensors, `sampling.${i}.processed`).data
    kept += differences(removed(found), removed(expected))
    delta = Math.max(delta, maxDelta(found, expected))
    compared += 1
  }
  yield measured(name, `tokens kept by ${compared} samplers`, kept, 0)
  yield measured(name, `scores of ${compared} samplers`, delta, 1e-5)
}

const removed = (scores: ArrayLike<number>) => Array.from(scores, (x) => x === Number.NEGATIVE_INFINITY)
