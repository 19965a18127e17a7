/** Rows of data files, each decoded by a schema. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Errors } from "hmx"
import type { File } from "./Benchmark.ts"
import { parseCsv } from "./csv.ts"
import { misfit } from "./misfit.ts"

/** A row: where it stands in its file, and what stands there. */
export interface Row<A = unknown> {
  /** 1-based line on which it begins. */
  readonly line: number
  /** 0-based place among the rows. */
  readonly index: number
  readonly value: A
}

type Read<A> = Result.Result<A, Errors.BadInput>

const bad = (where: string, found: string, expected: string): Result.Result<never, Errors.BadInput> =>
  Result.fail(new Errors.BadInput({ where, found: quote(found), expected }))

/** Text from outside as it stands in a message: one line without control characters, at most 200 of its characters. */
export const quote = (text: string): string =>
  text.slice(0, 200).replaceAll(/\p{C}|\p{Zl}|\p{Zp}/gu, "�") + (text.length > 200 ? "…" : "")

/** What begins like JSONL, JSON or CSV, by a file's first character. */
export const looksLike = ({ text }: File): "json" | "csv" => (/^\s*[[{]/.test(text) ? "json" : "csv")

/** Every line of a JSONL file that is not blank. */
export const jsonl = ({ name, text }: File): Read<ReadonlyArray<Row>> => {
  const rows: Array<Row> = []
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue
    const value = parse(line)
    if (Result.isFailure(value)) return bad(`${name}, line ${i + 1}`, line, "one JSON value on the line")
    rows.push({ line: i + 1, index: rows.length, value: value.success })
  }
  return rows.length === 0 ? bad(name, "no line", "JSONL, one item a line") : Result.succeed(rows)
}

/** Members of the one object in a JSON file, as rows with `id` for the key; the line is not known and given as 1. */
export const jsonObject = ({ name, text }: File): Read<ReadonlyArray<Row & { readonly key: string }>> => {
  const value = parse(text)
  if (Result.isFailure(value)) return bad(name, text, "one JSON object")
  const object = value.success
  if (typeof object !== "object" || object === null || Array.isArray(object)) return bad(name, text, "one JSON object")
  const members = Object.entries(object)
  return members.length === 0
    ? bad(name, "no member", "an item a member")
    : Result.succeed(members.map(([key, member], index) => ({ key, line: 1, index, value: member as unknown })))
}

/**
 * Rows of a CSV file with a header, as objects. Of the names of each of `columns` the header must have one; the first of them is what a
 * message calls it.
 */
export const csv = (
  { name, text }: File,
  columns: ReadonlyArray<ReadonlyArray<string>> = [],
): Read<ReadonlyArray<Row<{ readonly [column: string]: string }>>> => {
  const parsed = parseCsv(text)
  if (parsed.open !== undefined) return bad(`${name}, line ${parsed.open}`, '"', "a quotation that ends")
  const [header, ...rows] = parsed.rows
  if (header === undefined || rows.length === 0) return bad(name, "no row", "CSV with a header and an item a row")
  const named = new Set(header.cells.map((column) => column.trim()))
  const missing = columns.find((names) => !names.some((column) => named.has(column)))
  if (missing !== undefined) {
    const wanted = columns.map(([column]) => column).join(", ")
    return bad(`${name}, line ${header.line}`, `no column ${missing[0] ?? ""}`, `a header with ${wanted}`)
  }
  const found: Array<Row<{ readonly [column: string]: string }>> = []
  for (const { cells, line } of rows) {
    if (cells.length !== header.cells.length)
      return bad(`${name}, line ${line}`, `${cells.length} cells`, `${header.cells.length}, as in the header`)
    found.push({
      line,
      index: found.length,
      value: Object.fromEntries(header.cells.map((column, i) => [column.trim(), cells[i] ?? ""])),
    })
  }
  return Result.succeed(found)
}

/** Each row decoded by the schema; one that does not fit is BadInput with its line and field. */
export const decode = <S extends Schema.ConstraintDecoder<unknown>, R extends Row>(
  { name }: Pick<File, "name">,
  schema: S,
  rows: ReadonlyArray<R>,
): Read<ReadonlyArray<R & Row<S["Type"]>>> => {
  const read = Schema.decodeUnknownResult(schema)
  const found: Array<R & Row<S["Type"]>> = []
  for (const row of rows) {
    const item = read(row.value)
    if (Result.isFailure(item)) {
      const where = "key" in row ? `${name}, ${String(row.key)}` : `${name}, line ${row.line}`
      const { expected, field, found: there } = misfit(schema, row.value, item.failure.issue)
      return bad(field === "" ? where : `${where}, field ${quote(field)}`, there, quote(expected))
    }
    found.push({ ...row, value: item.success })
  }
  return Result.succeed(found)
}

/** Every line of a JSONL file, decoded. */
export const lines = <S extends Schema.ConstraintDecoder<unknown>>(
  file: File,
  schema: S,
): Read<ReadonlyArray<Row<S["Type"]>>> => Result.flatMap(jsonl(file), (rows) => decode(file, schema, rows))

const parse = (text: string): Result.Result<unknown, unknown> => Result.try((): unknown => JSON.parse(text))
