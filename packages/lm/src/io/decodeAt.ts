/** Untrusted JSON by a schema; the first thing that does not fit is one sentence with its place, what is there and what belongs there. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type { Errors } from "hmx"
import { bad, show } from "./Files.ts"

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

const keyOf = (segment: PropertyKey | { readonly key: PropertyKey }): PropertyKey =>
  typeof segment === "object" ? segment.key : segment

/** What stands in the JSON at a path. */
const at = (json: unknown, path: ReadonlyArray<PropertyKey>): unknown =>
  path.reduce<unknown>(
    (x, key) => (typeof x === "object" && x !== null && Object.hasOwn(x, key) ? Reflect.get(x, key) : undefined),
    json,
  )

/** `where` names the file in the error. */
export const decodeAt = <S extends Schema.ConstraintDecoder<unknown>>(schema: S, where: string) => {
  const decode = Schema.decodeUnknownResult(schema)
  return (json: unknown): Effect.Effect<S["Type"], Errors.BadInput> => {
    const result = decode(json)
    if (Result.isSuccess(result)) return Effect.succeed(result.success)
    const [issue] = issuesOf(result.failure.issue).issues
    const path = (issue?.path ?? []).map(keyOf)
    const found = at(json, path)
    const expected = /^Expected ([^\n]*)/.exec(issue?.message ?? "")?.[1] ?? "a value"
    const place = path.length === 0 ? where : `${where}, ${path.map(String).join(".")}`
    return Effect.fail(bad(place, found === undefined ? "nothing" : show(found), expected))
  }
}
