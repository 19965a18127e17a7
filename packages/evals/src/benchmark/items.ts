/** The items of a data file, with the checks that hold for those of every benchmark. */
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { Errors } from "hmx"
import type { File, Item } from "./Benchmark.ts"
import { lines, quote, type Row } from "./rows.ts"

/** The items, unless two have one id: BadInput with the second one's line. */
export const distinct = (
  { name }: File,
  items: ReadonlyArray<{ readonly line: number; readonly item: Item }>,
): Result.Result<ReadonlyArray<Item>, Errors.BadInput> => {
  const lines = new Map<string, number>()
  for (const { item, line } of items) {
    const first = lines.get(item.id)
    if (first !== undefined)
      return Result.fail(
        new Errors.BadInput({
          where: `${name}, line ${line}`,
          found: `the id ${quote(item.id)} again`,
          expected: `an id of its own: line ${first} has it`,
        }),
      )
    lines.set(item.id, line)
  }
  return Result.succeed(items.map(({ item }) => item))
}

/** The items of a JSONL file, an item a line. A line that does not fit the schema, or an id twice, is BadInput with the line. */
export const itemsOf = <S extends Schema.ConstraintDecoder<unknown>>(
  file: File,
  schema: S,
  item: (row: Row<S["Type"]>) => Item,
): Result.Result<ReadonlyArray<Item>, Errors.BadInput> =>
  Result.flatMap(lines(file, schema), (rows) =>
    distinct(
      file,
      rows.map((row) => ({ line: row.line, item: item(row) })),
    ),
  )
