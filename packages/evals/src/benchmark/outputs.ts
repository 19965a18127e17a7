/** A file of outputs: what a model answered, one line an item. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Errors } from "hmx"
import type { Answer, File } from "./Benchmark.ts"
import { lines, quote } from "./rows.ts"

const Id = Schema.Union([Schema.NonEmptyString, Schema.Int])

const Output = Schema.Union([
  Schema.Struct({ id: Id, output: Schema.Union([Schema.String, Schema.NonEmptyArray(Schema.String)]) }),
  Schema.Struct({ id: Id, scores: Schema.NonEmptyArray(Schema.Finite) }),
])

/** Answers by item id, with the line each stands on. */
export type Outputs = ReadonlyMap<string, { readonly line: number; readonly answer: Answer }>

/**
 * Reads JSONL of `{"id": …, "output": "text"}` (of a conversation a list of the texts) or `{"id": …, "scores":
 * [log-likelihoods]}`; other members are passed over. An id is a text or a whole number. A line of another form, or an id twice, is
 * BadInput with the line.
 */
export const readOutputs = (file: File): Result.Result<Outputs, Errors.BadInput> => {
  const rows = lines(file, Output)
  if (Result.isFailure(rows)) return Result.fail(rows.failure)
  const outputs = new Map<string, { readonly line: number; readonly answer: Answer }>()
  for (const { line, value } of rows.success) {
    const id = String(value.id)
    const first = outputs.get(id)
    if (first !== undefined) {
      return Result.fail(
        new Errors.BadInput({
          where: `${file.name}, line ${line}`,
          found: `the id ${quote(id)} again`,
          expected: `one output an item: line ${first.line} has it`,
        }),
      )
    }
    outputs.set(id, { line, answer: answerOf(value) })
  }
  return Result.succeed(outputs)
}

const answerOf = (value: typeof Output.Type): Answer => {
  if ("scores" in value) return { kind: "scores", scores: value.scores }
  const { output } = value
  return typeof output === "string"
    ? { kind: "text", text: output }
    : { kind: "text", text: output.at(-1) ?? "", turns: output }
}
