import { existsSync, readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { openSafetensors, readF32, readIntegers } from "@hmx/lm"

/** A tensor of a fixture, on the host, row by row. */
export interface HostArray {
  readonly shape: ReadonlyArray<number>
  readonly data: Float32Array | ReadonlyArray<number>
}

/** Row `i` of axis 0. */
export const row = (tensor: HostArray, i: number): Float32Array | ReadonlyArray<number> => {
  const width = tensor.data.length / (tensor.shape[0] ?? 1)
  return tensor.data.slice(i * width, (i + 1) * width)
}

/** Every tensor of a safetensors file by name: floats as f32, integers and booleans as numbers. */
export const readTensors = (path: string): ReadonlyMap<string, HostArray> =>
  Effect.runSync(
    Effect.gen(function* () {
      const file = yield* openSafetensors(path)
      const out = new Map<string, HostArray>()
      for (const { name, dtype, shape } of file.tensors.values()) {
        const isFloat = dtype === "F32" || dtype === "BF16" || dtype === "F16"
        out.set(name, { shape, data: yield* isFloat ? readF32(file, name) : readIntegers(file, name) })
      }
      return out
    }),
  )

/** The tensor of that name; an Error that says so where there is none. */
export const tensor = (tensors: ReadonlyMap<string, HostArray>, name: string): HostArray => {
  const found = tensors.get(name)
  if (found === undefined) throw new Error(`no tensor ${JSON.stringify(name)}`)
  return found
}

/** A number as the generators write it: infinities and NaN stand as strings. */
export const Figure = Schema.Union([Schema.Number, Schema.String])
export const figures = Schema.Record(Schema.String, Figure)
export const figureOf = (x: number | string): number =>
  typeof x === "number" ? x : Number(x.replace(/^(-?)inf$/, "$1Infinity"))

/** Reads a JSON file by its schema. */
export const readJsonAs = <S extends Schema.Codec<unknown, unknown>>(schema: S, path: string): S["Type"] =>
  Schema.decodeUnknownSync(schema)(JSON.parse(readFileSync(path, "utf8")))

/** Names of the folders in a folder, sorted; none where it does not exist. */
export const folders = (path: string): ReadonlyArray<string> =>
  existsSync(path)
    ? readdirSync(path, { withFileTypes: true })
        .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
        .toSorted()
    : []

/** The list, which must hold something: an empty one would be compared without a line. */
export const some = <A>(items: ReadonlyArray<A> | undefined, what: string): ReadonlyArray<A> => {
  if (items === undefined || items.length === 0) throw new Error(`no ${what}: the layout promises some`)
  return items
}

/** True where every file stands. */
export const present = (folder: string, ...names: ReadonlyArray<string>): boolean =>
  names.every((name) => existsSync(join(folder, name)))
