/** Lines of a shipped file as they are, for a task that asks more than a benchmark does. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { Data } from "hmx"
import { decode } from "../benchmark/rows.ts"

/** Every line of the file as an item. A line that does not fit is BadInput with the file's name, the line's number and the field. */
export const shippedItems = <S extends Schema.ConstraintDecoder<unknown>>(file: URL, schema: S) =>
  Effect.gen(function* () {
    const lines = yield* (yield* Data).jsonl(file)
    const name = file.pathname.split("/").at(-1) ?? file.href
    const rows = lines.map(({ line, value }, index) => ({ line, index, value }))
    const found = yield* Effect.fromResult(decode({ name }, schema, rows))
    return found.map(({ value }) => value)
  })
