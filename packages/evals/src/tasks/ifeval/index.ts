/** IFEval (Zhou et al. 2023): instructions that a program can check. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Errors } from "hmx"
import type { Benchmark, Item } from "../../benchmark/Benchmark.ts"
import { textOf } from "../../benchmark/forms.ts"
import { distinct } from "../../benchmark/items.ts"
import { headline, mean, ratio } from "../../benchmark/Metric.ts"
import { lines, quote } from "../../benchmark/rows.ts"
import { isBlank, trim } from "../../python.ts"
import { verifiers, type Verify } from "./verifiers.ts"

const Doc = Schema.Struct({
  key: Schema.Union([Schema.Int, Schema.NonEmptyString]),
  prompt: Schema.NonEmptyString,
  instruction_id_list: Schema.NonEmptyArray(Schema.NonEmptyString),
  kwargs: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)),
}).check(
  Schema.makeFilter(({ instruction_id_list, kwargs }) =>
    instruction_id_list.length === kwargs.length ? undefined : "one kwargs an instruction",
  ),
)

/** Arguments that are null are absent: some copies of the data give every item every argument. */
const given = (args: { readonly [name: string]: unknown }): object =>
  Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null))

/** What loose scoring tries: without the first line, the last, both, and each of these without asterisks. */
export const variants = (response: string): ReadonlyArray<string> => {
  const lines = response.split("\n")
  const cut = [
    response,
    trim(lines.slice(1).join("\n")),
    trim(lines.slice(0, -1).join("\n")),
    trim(lines.slice(1, -1).join("\n")),
  ]
  return [...cut, ...cut.map((text) => text.replaceAll("*", ""))]
}

const follows = (verify: Verify, response: string): boolean => !isBlank(response) && verify(response)

const values = (instructions: ReadonlyArray<Verify>, response: string) => {
  const strict = instructions.filter((verify) => follows(verify, response)).length
  const tried = variants(response)
  const loose = instructions.filter((verify) => tried.some((variant) => follows(verify, variant))).length
  return {
    instructions: instructions.length,
    strict,
    loose,
    prompt_strict: strict === instructions.length ? 1 : 0,
    prompt_loose: loose === instructions.length ? 1 : 0,
  }
}

/**
 * Files are the original's `input_data.jsonl`; an id is the item's `key`. Strict scores the response as it is, loose the best of eight
 * variants for each instruction; at prompt level all instructions must hold, at instruction level each counts. A blank response
 * follows nothing; one whose language nothing tells (digits) is in every language, as in the original.
 */
export const ifeval: Benchmark = {
  name: "ifeval",
  version: 4,
  prompt: "chat",
  read: (file) =>
    Result.gen(function* () {
      const rows = yield* lines(file, Doc)
      const items: Array<{ readonly line: number; readonly item: Item }> = []
      for (const { line, value } of rows) {
        const instructions: Array<Verify> = []
        for (const [i, id] of value.instruction_id_list.entries()) {
          const where = `${file.name}, line ${line}, kwargs of ${quote(id)}`
          const make = Object.hasOwn(verifiers, id) ? verifiers[id] : undefined
          if (make === undefined) {
            return yield* Result.fail(
              new Errors.BadInput({
                where: `${file.name}, line ${line}, instruction_id_list`,
                found: quote(id),
                expected: `one of ${Object.keys(verifiers).join(", ")}`,
              }),
            )
          }
          const args = given(value.kwargs[i] ?? {})
          const verify = make(args)
          if (Result.isFailure(verify))
            return yield* Result.fail(
              new Errors.BadInput({ where, found: quote(JSON.stringify(args)), expected: verify.failure }),
            )
          instructions.push(verify.success)
        }
        items.push({
          line,
          item: {
            id: String(value.key),
            expected: value.instruction_id_list.join(", "),
            request: () => ({ kind: "generate", context: value.prompt, until: [], maxNewTokens: 1280 }),
            values: (answer) => Result.map(textOf(answer), (response) => values(instructions, response)),
          },
        })
      }
      return yield* distinct(file, items)
    }),
  wrong: ({ prompt_strict }) => prompt_strict === 0,
  metrics: [
    headline(mean("prompt_level_strict_acc", true, "prompt_strict")),
    ratio("inst_level_strict_acc", true, "strict", "instructions"),
    mean("prompt_level_loose_acc", true, "prompt_loose"),
    ratio("inst_level_loose_acc", true, "loose", "instructions"),
  ],
}
