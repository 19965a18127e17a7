/** What training needs to go on after a stop: one safetensors file, written whole or not at all. */
import { openSafetensors, type HostArray, readF32, writeSafetensors } from "@hmx/lm"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { Errors } from "hmx"

export interface Progress {
  readonly seed: number
  /** Tokens to train on in all, and those behind it. */
  readonly total: number
  readonly tokens: number
  readonly steps: number
  readonly tensors: ReadonlyMap<string, HostArray>
}

export const save = ({ seed, steps, tensors, tokens, total }: Progress, file: string) =>
  writeSafetensors(
    file,
    [...tensors].map(([name, { data, shape }]) => ({ name, dtype: "F32" as const, shape, data })),
    { seed: String(seed), total: String(total), tokens: String(tokens), steps: String(steps) },
  )

/** Nothing where there is no such file. BadInput where it is of another seed or length. */
export const load = Effect.fnUntraced(function* (
  file: string,
  wanted: { readonly seed: number; readonly total: number },
) {
  if (!existsSync(file)) return undefined
  const opened = yield* openSafetensors(file)
  const read = (name: string): number => Number(opened.metadata[name])
  const [seed, total, tokens, steps] = [read("seed"), read("total"), read("tokens"), read("steps")]
  if (seed !== wanted.seed || total !== wanted.total || !Number.isSafeInteger(tokens) || !Number.isSafeInteger(steps)) {
    return yield* new Errors.BadInput({
      where: file,
      found: `seed ${seed}, ${total} tokens in all`,
      expected: `seed ${wanted.seed}, ${wanted.total} tokens in all (or no such file, to begin again)`,
    })
  }
  const tensors = new Map<string, HostArray>()
  for (const { name, shape } of opened.tensors.values())
    tensors.set(name, { shape, data: yield* readF32(opened, name) })
  const progress: Progress = { seed, total, tokens, steps, tensors }
  return progress
})
