/** Type-level text: every message of the language is built from these. */

/** `"a" | "b"` as `"a, b"`, in the compiler's order (alphabetical in TypeScript 7). */
export type Join<K, Acc extends string = ""> = [K] extends [never]
  ? Acc
  : Last<K> extends infer L extends string
    ? Join<Exclude<K, L>, Acc extends "" ? L : `${L}, ${Acc}`>
    : never
type Last<U> = (U extends unknown ? (x: () => U) => void : never) extends (x: infer I) => void
  ? I extends () => infer L
    ? L
    : never
  : never

/** The tags of a union of tagged values. */
export type Tag<A> = A extends { readonly _tag: infer T extends string } ? T : never

/** A whole number of at least 2; a computed `number` passes, and is checked again when the stage is made. */
export type AtLeastTwo<N extends number, Option extends string> = number extends N
  ? N
  : `${N}` extends `-${string}` | "0" | "1"
    ? `✗ ${Option} must be at least 2, not ${N}: a group of one has no mean to compare with`
    : `${N}` extends `${bigint}`
      ? N
      : `✗ ${Option} must be a whole number, not ${N}`
