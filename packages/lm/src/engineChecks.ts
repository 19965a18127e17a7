/**
 * What every engine asks of its caller's shapes and numbers before a library sees them; a mistake is an EngineMisuse that begins with the
 * operation's name.
 */
import type { DType } from "./Engine.ts"
import { EngineMisuse } from "./Engine.ts"

export function misuse(where: string, sentence: string): never {
  throw new EngineMisuse(`${where}: ${sentence}`)
}

/** Checks a shape; -1 stands for any size. */
export function checkShape(
  t: { readonly shape: ReadonlyArray<number> },
  expected: ReadonlyArray<number>,
  where: string,
  name: string,
): void {
  const fits = t.shape.length === expected.length && expected.every((d, i) => d === -1 || d === t.shape[i])
  if (!fits) misuse(where, `${name} is ${showShape(t.shape)}; expected ${showShape(expected)}`)
}

export function showShape(shape: ReadonlyArray<number>): string {
  return `[${shape.map((d) => (d === -1 ? "*" : d)).join(", ")}]`
}

/**
 * A shape of whole sizes, of that many elements where a number is given: a copy of the caller's array, which may change later. The sizes that are not 0
 * have a product that is exact.
 */
export function checkSize(
  given: ReadonlyArray<number>,
  elements: number | undefined,
  where: string,
): ReadonlyArray<number> {
  const shape = [...given]
  let [size, strides] = [1, 1]
  for (const d of shape) {
    strides *= Math.max(1, d)
    if (!Number.isInteger(d) || d < 0 || strides > Number.MAX_SAFE_INTEGER)
      misuse(where, `${showShape(shape)} is not a shape`)
    size *= d
  }
  if (elements !== undefined && size !== elements) misuse(where, `${elements} elements do not fill ${showShape(shape)}`)
  return shape
}

const dtypes: ReadonlySet<string> = new Set<DType>(["f32", "bf16", "f16", "i32"])

/** A type as plain JavaScript may give it. */
export function checkDType(dtype: string, where: string): void {
  if (!dtypes.has(dtype)) misuse(where, `${dtype} is no dtype; expected f32, bf16, f16 or i32`)
}

/** numpy's broadcasting. */
export function broadcastShape(
  a: ReadonlyArray<number>,
  b: ReadonlyArray<number>,
  where: string,
): ReadonlyArray<number> {
  if (a.length === b.length && a.every((d, i) => d === b[i])) return a
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1
    const y = b[i - rank + b.length] ?? 1
    if (x !== y && x !== 1 && y !== 1) misuse(where, `${showShape(a)} and ${showShape(b)} do not broadcast`)
    return x === 1 ? y : x
  })
}

/** An engine's option `memory`. */
export function checkMemory(memory: number | undefined): void {
  if (memory !== undefined && !(Number.isSafeInteger(memory) && memory > 0))
    misuse("create", `memory is ${memory}; expected bytes`)
}

export function checkPositive(value: number | undefined, where: string, name: string): void {
  if (value !== undefined && !(value > 0 && Number.isFinite(value)))
    misuse(where, `${name} is ${value}; expected a positive number`)
}
