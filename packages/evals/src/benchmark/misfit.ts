/** What is wrong with a value that a schema refuses, in plain words: which field, what is there, and what belongs there. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

export interface Misfit {
  /** The field, as `choices.text.0`; "" of the value as a whole. */
  readonly field: string
  readonly found: string
  readonly expected: string
}

type Path = ReadonlyArray<PropertyKey>

interface Leaf {
  readonly path: Path
  readonly message: string
  readonly missing: boolean
  /** How far the value fitted: of several forms that it may have, the one that fitted furthest is meant. */
  readonly depth: number
}

const messageOf = SchemaIssue.makeFormatterStandardSchemaV1()

const leaves = (issue: SchemaIssue.Issue, path: Path = []): ReadonlyArray<Leaf> => {
  if (issue._tag === "Pointer") return leaves(issue.issue, [...path, ...issue.path])
  if (issue._tag === "Encoding") return leaves(issue.issue, path)
  if ((issue._tag === "Composite" || issue._tag === "AnyOf") && issue.issues.length > 0)
    return issue.issues.flatMap((one) => leaves(one, path))
  const message = messageOf(issue).issues[0]?.message ?? ""
  const last = path.at(-1)
  // A list is too short: it is the list that is wrong, and no field of it.
  if (issue._tag === "MissingKey" && typeof last === "number")
    return [{ path: path.slice(0, -1), message: `a list of at least ${last + 1}`, missing: false, depth: path.length }]
  // A check is made of a value of the right type, all of whose fields are.
  const depth = path.length + (issue._tag === "Filter" ? 1.5 : 0)
  return [{ path, message, missing: issue._tag === "MissingKey", depth }]
}

/** What stands in the value at a path. */
const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (x, key) => (typeof x === "object" && x !== null && Object.hasOwn(x, key) ? Reflect.get(x, key) : undefined),
    value,
  )

/** The value with another at the path, whose last key alone is not there yet. */
const withAt = (value: unknown, [key, ...rest]: Path, other: unknown): unknown =>
  key === undefined || typeof value !== "object" || value === null
    ? other
    : { ...value, [key]: withAt(Reflect.get(value, key), rest, other) }

const same = (a: Path, b: Path): boolean => a.length === b.length && a.every((key, i) => key === b[i])

/** Names of types as people say them. */
const plain: ReadonlyMap<string, string> = new Map([
  ["string", "a text"],
  ["number", "a number"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["object", "an object"],
  ["an integer", "a whole number"],
  ["a finite number", "a number"],
  ["a value with a length of at least 1", "one that is not empty"],
])

/** "0 | 1 | 2" as "0, 1 or 2". */
const listed = (all: ReadonlyArray<string>): string =>
  all.length < 2 ? (all[0] ?? "another value") : `${all.slice(0, -1).join(", ")} or ${all.at(-1) ?? ""}`

const words = (message: string): ReadonlyArray<string> =>
  message
    .replace(/^Expected /, "")
    .replace(/, got [^]*$/, "")
    .split(" | ")
    .map((one) => plain.get(one) ?? one)

/** A value as its file has it. Of a number that is too great for one, such as 1e999, JSON has no word. */
const shownOf = (found: unknown): string => {
  if (typeof found === "number" && !Number.isFinite(found)) return "a number beyond what 64 bits hold"
  return found === undefined ? "nothing" : (JSON.stringify(found) ?? "nothing")
}

/** The misfit of a value that the schema refuses; of several forms of it those that it fits best. */
export const misfit = (schema: Schema.ConstraintDecoder<unknown>, value: unknown, issue: SchemaIssue.Issue): Misfit => {
  const all = leaves(issue)
  const deepest = Math.max(...all.map(({ depth }) => depth))
  const furthest = all.filter(({ depth }) => depth === deepest)
  const [first] = furthest
  // Of forms that fit as far as each other the first is meant, or any where each lacks a field.
  const meant = furthest.filter(
    ({ missing, path }) => first !== undefined && (same(path, first.path) || (missing && first.missing)),
  )
  /** Of a missing field: what is said of one that no type fits. */
  const wanted = ({ message, missing, path }: Leaf): ReadonlyArray<string> => {
    if (!missing) return words(message)
    const probed = Schema.decodeUnknownResult(schema)(withAt(value, path, Symbol("none")))
    if (Result.isSuccess(probed)) return []
    const said = leaves(probed.failure.issue).filter((one) => same(one.path, path))
    return said.flatMap((one) => words(one.message))
  }
  const fields = [...new Set(meant.map(({ path }) => path.map(String).join(".")))]
  const found = first === undefined || first.path.length === 0 ? value : at(value, first.path)
  return {
    field: fields.join(" or "),
    found: shownOf(found),
    expected: listed([...new Set(meant.flatMap(wanted))]),
  }
}
