/** Checks that hold for the items of every benchmark. */
import * as Result from "effect/Result"
import { Errors } from "hmx"
import type { File, Item } from "./Benchmark.ts"
import { quote } from "./rows.ts"

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
