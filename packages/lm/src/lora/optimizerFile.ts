/**
 * The optimiser's state beside an adapter: `optimizer.safetensors`, with AdamW's moments under the adapter's own keys and the
 * number of steps behind it. A run that goes on from it takes the same steps as one that was never stopped.
 */
import * as Effect from "effect/Effect"
import { Errors } from "hmx"
import * as path from "node:path"
import type { FileToWrite } from "../io/Files.ts"
import { openSafetensors, readF32, serialise } from "../io/safetensors.ts"
import type { TensorToWrite } from "../io/safetensors.ts"
import type { Moments, OptimizerState } from "./Lora.ts"

const fileOf = (folder: string) => path.join(folder, "optimizer.safetensors")

export const optimizerFile = (folder: string, state: OptimizerState): Effect.Effect<FileToWrite, Errors.BadInput> => {
  const tensors: Array<TensorToWrite> = []
  for (const [key, { m, v, shape }] of state.moments) {
    tensors.push({ name: `${key}.exp_avg`, dtype: "F32", shape, data: m })
    tensors.push({ name: `${key}.exp_avg_sq`, dtype: "F32", shape, data: v })
  }
  return serialise(fileOf(folder), tensors, { steps: String(state.steps) })
}

/** Reads the state of the optimiser of an adapter with these tensors. */
export const readOptimizer = Effect.fnUntraced(function* (
  folder: string,
  shapes: ReadonlyMap<string, ReadonlyArray<number>>,
) {
  const file = yield* openSafetensors(fileOf(folder))
  const steps = Number(file.metadata["steps"] ?? Number.NaN)
  const bad = (where: string, found: string, expected: string) =>
    Effect.fail(new Errors.BadInput({ where: `${file.path}, ${where}`, found, expected }))
  if (!Number.isSafeInteger(steps) || steps < 0)
    return yield* bad("metadata", "no count of steps", "steps, a whole number")
  const moments = new Map<string, Moments>()
  for (const [key, shape] of shapes) {
    const read = Effect.fnUntraced(function* (name: string) {
      const found = file.tensors.get(name)?.shape
      if (found?.join() !== shape.join())
        return yield* bad(`tensor ${name}`, found ? `shape [${found.join(", ")}]` : "none", `[${shape.join(", ")}]`)
      return yield* readF32(file, name)
    })
    // Before its first step a parameter has no moments.
    if (steps === 0) continue
    moments.set(key, { m: yield* read(`${key}.exp_avg`), v: yield* read(`${key}.exp_avg_sq`), shape })
  }
  const state: OptimizerState = { steps, moments }
  return state
})
