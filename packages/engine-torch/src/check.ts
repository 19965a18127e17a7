/** The caller's mistakes, found before libtorch sees them, which would crash on some of them, and said with the operation's name. */
import { EngineMisuse } from "@hmx/lm"
import type { Ledger } from "./Ledger.ts"
import { Handle } from "./Ledger.ts"

export function misuse(where: string, sentence: string): never {
  throw new EngineMisuse(`${where}: ${sentence}`)
}

/** `t` as this engine's own live tensor, of that dtype; "float" is any but i32. */
export function own(ledger: Ledger, t: unknown, where: string, dtype?: "f32" | "i32" | "float"): Handle {
  if (!(t instanceof Handle) || t.ledger !== ledger) return misuse(where, "an argument is not a tensor of this engine")
  if (t.native === 0) misuse(where, `the tensor ${show(t.shape)} was freed before`)
  if (dtype !== undefined && (dtype === "float" ? t.dtype === "i32" : t.dtype !== dtype))
    misuse(where, `${dtype} expected, ${t.dtype} ${show(t.shape)} given`)
  return t
}

/** Checks a shape; -1 stands for any size. */
export function shaped(t: Handle, expected: ReadonlyArray<number>, where: string, name: string): void {
  const fits = t.shape.length === expected.length && expected.every((d, i) => d === -1 || d === t.shape[i])
  if (!fits) misuse(where, `${name} is ${show(t.shape)}; expected ${show(expected)}`)
}

export function show(shape: ReadonlyArray<number>): string {
  return `[${shape.map((d) => (d === -1 ? "*" : d)).join(", ")}]`
}

/** A shape of whole sizes of that many elements. */
export function sized(shape: ReadonlyArray<number>, elements: number, where: string): void {
  let size = 1
  for (const d of shape) {
    if (!Number.isInteger(d) || d < 0) misuse(where, `${show(shape)} is not a shape`)
    size *= d
  }
  if (size !== elements) misuse(where, `${elements} elements do not fill ${show(shape)}`)
}

/** numpy's broadcasting. */
export function broadcast(a: ReadonlyArray<number>, b: ReadonlyArray<number>, where: string): ReadonlyArray<number> {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1
    const y = b[i - rank + b.length] ?? 1
    if (x !== y && x !== 1 && y !== 1) misuse(where, `${show(a)} and ${show(b)} do not broadcast`)
    return x === 1 ? y : x
  })
}

export function positive(value: number | undefined, where: string, name: string): void {
  if (value !== undefined && !(value > 0 && Number.isFinite(value)))
    misuse(where, `${name} is ${value}; expected a positive number`)
}
