import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { openSafetensors, readF32, readFloat, readIntegers } from "../../src/io/index.ts"

const root = fileURLToPath(new URL("../../../../", import.meta.url))

/** The committed set, and the larger one where it stands beside the repository. */
export const sets: ReadonlyArray<string> = [`${root}test/fixtures/parity`, `${root}../shared/fixtures`].filter(
  (folder) => existsSync(`${folder}/README.md`),
)
/** The folder with that path in the last set that has it. */
export const fixture = (path: string): string => {
  const found = sets.map((set) => `${set}/${path}`).findLast((file) => existsSync(file))
  if (found === undefined) throw new Error(`no fixture ${path}`)
  return found
}
export const hasFixture = (path: string): boolean => sets.some((set) => existsSync(`${set}/${path}`))

/** A JSON file of that shape. */
export const json = <S extends Schema.ConstraintDecoder<unknown>>(path: string, schema: S): S["Type"] =>
  Schema.decodeUnknownSync(schema)(JSON.parse(readFileSync(fixture(path), "utf8")))

/** Tensors of a safetensors file by name. */
export const tensorsOf = (path: string) => {
  const file = Effect.runSync(openSafetensors(fixture(path)))
  return {
    names: [...file.tensors.keys()],
    shape: (name: string) => file.tensors.get(name)?.shape ?? [],
    f32: (name: string) => Effect.runSync(readF32(file, name)),
    ints: (name: string) => Array.from(Effect.runSync(readIntegers(file, name)), Number),
    float: (name: string) => Effect.runSync(readFloat(file, name)),
  }
}

export const maxDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let worst = 0
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] ?? 0) - (b[i] ?? 0))
    if (!(difference <= worst)) worst = difference
  }
  return worst
}

/** ‖a − b‖ / ‖b‖ */
export const relativeError = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let difference = 0
  let size = 0
  for (let i = 0; i < b.length; i++) {
    difference += ((a[i] ?? Number.NaN) - (b[i] ?? 0)) ** 2
    size += (b[i] ?? 0) ** 2
  }
  return Math.sqrt(difference) / Math.max(Math.sqrt(size), 1e-30)
}
