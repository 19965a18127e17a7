/** IFEval's checks against lm-evaluation-harness's verdicts on texts of our own (test/fixtures/evals/make_verdicts.py). */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { countSentences } from "../../src/tasks/ifeval/sentences.ts"
import { verifiers } from "../../src/tasks/ifeval/verifiers.ts"

const Golden = Schema.fromJsonString(
  Schema.Struct({
    checks: Schema.Array(Schema.Tuple([Schema.String, Schema.Unknown])),
    texts: Schema.Array(Schema.Tuple([Schema.String, Schema.Int, Schema.String])),
  }),
)
const path = new URL("../../../../test/fixtures/evals/verdicts.json", import.meta.url)
const { checks, texts } = Schema.decodeSync(Golden)(readFileSync(path, "utf8"))

it("counts as many sentences as the harness in every text", () => {
  for (const [text, sentences] of texts) expect([text, countSentences(text)]).toEqual([text, sentences])
})

it.each(checks.map(([id, args], i) => ({ id, args, i })))(
  "$id $args: the harness's verdict of every text",
  ({ args, i, id }) => {
    const make = verifiers[id]
    if (make === undefined) throw new Error(`no check ${id}`)
    const follows = Result.getOrThrow(make(args))
    const verdicts = texts.map(([text]) => [text, follows(text)])
    expect(verdicts).toEqual(texts.map(([text, , all]) => [text, all[i] === "1"]))
  },
)
