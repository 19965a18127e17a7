/** Benchmark items: lines of a data file, decoded by a schema. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Data, Errors } from "hmx"

/** Every line of the file as an item. A line that does not fit is BadInput with the file's name and the line's number. */
export const items = <S extends Schema.ConstraintDecoder<unknown>>(file: URL, schema: S) => {
  const decode = Schema.decodeUnknownResult(schema)
  return Effect.gen(function* () {
    const lines = yield* (yield* Data).jsonl(file)
    const found: Array<S["Type"]> = []
    for (const { line, value } of lines) {
      const item = decode(value)
      if (Result.isFailure(item)) {
        return yield* new Errors.BadInput({
          where: `${file.pathname.split("/").at(-1) ?? file.href}, line ${line}`,
          found: (JSON.stringify(value) ?? "nothing").slice(0, 200),
          expected: item.failure.message.slice(0, 400),
        })
      }
      found.push(item.success)
    }
    return found
  })
}
