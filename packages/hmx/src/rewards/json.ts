import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { make, type Plain } from "../Reward.ts"

/**
 * 1 where the answer is JSON of the schema's shape, else 0. A Markdown fence round it is taken off; anything else beside the JSON is
 * wrong. The schema's JSON Schema is part of the reward's identity.
 */
export const json = <A>(schema: Schema.Codec<A, unknown>): Plain<"JSON"> => {
  const decode = Schema.decodeUnknownOption(schema)
  return make("JSON", {
    version: 1,
    options: { schema: Schema.toJsonSchemaDocument(schema) },
    laws: {
      mayBreak: {
        "not raised by quoting the rubric": "an answer of nothing but a schema's example is an answer of its shape",
        "not raised by quoting the question":
          "to an answer of nothing, a question that is JSON of the shape is an answer",
        "not raised by naming a score": "to an answer of nothing, a score may be JSON of the shape",
      },
    },
    score: ({ text }) => {
      const value = parsed(text)
      return value !== undefined && Option.isSome(decode(value.json)) ? 1 : 0
    },
  })
}

const FENCE = /^```(?:json)?[^\S\n]*\n/

const parsed = (text: string): { readonly json: unknown } | undefined => {
  const trimmed = text.trim()
  const opening = FENCE.exec(trimmed)?.[0]
  const inside =
    opening !== undefined && trimmed.endsWith("```") && trimmed.length >= opening.length + 3
      ? trimmed.slice(opening.length, -3)
      : trimmed
  try {
    return { json: JSON.parse(inside) }
  } catch {
    return undefined
  }
}
