/** What IFEval takes for JSON, against lm-evaluation-harness: test/fixtures/evals/make_json.py has how the texts are drawn. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { random } from "../../src/langdetect/Random.ts"
import { verifiers } from "../../src/tasks/ifeval/verifiers.ts"

const Texts = Schema.Array(Schema.String)
const Golden = Schema.fromJsonString(Schema.Struct({ scalars: Texts, parts: Texts, marks: Texts, verdicts: Texts }))
const path = new URL("../../../../test/fixtures/evals/json.json", import.meta.url)
const golden = Schema.decodeSync(Golden)(readFileSync(path, "utf8"))

const text = (i: number): string => {
  const { below } = random(i)
  const choice = <A>(of: ReadonlyArray<A>): A => {
    const chosen = of[below(of.length)]
    if (chosen === undefined) throw new Error("nothing to choose from")
    return chosen
  }
  const value = (depth: number): ReadonlyArray<string> => {
    const kind = below(5)
    if (depth === 0 || kind < 2) return [choice(golden.scalars)]
    if (kind === 2) return [choice([" ", "\n", "\t", "\r"]), ...value(depth - 1)]
    const made = [kind === 3 ? "[" : "{"]
    const members = below(4)
    for (let k = 0; k < members; k++)
      made.push(...(k > 0 ? [","] : []), ...(kind === 4 ? ['"a"', ":"] : []), ...value(depth - 1))
    return [...made, kind === 3 ? "]" : "}"]
  }
  const tokens = [...value(3)]
  for (let left = choice([0, 1, 1, 2]); left > 0; left--) {
    const at = below(tokens.length)
    const how = below(3)
    tokens.splice(at, how === 0 ? 0 : 1, ...(how === 1 && tokens.length > 1 ? [] : [choice(golden.parts)]))
  }
  const whole = choice(golden.marks) + tokens.join("") + choice(golden.marks)
  return whole.replaceAll(/(\d)×(\d{4})/g, (_, digit: string, times: string) => digit.repeat(Number(times)))
}

const shown = (one: string): string => (one.length > 200 ? `${one.slice(0, 200)}…` : one)

const make = verifiers["detectable_format:json_format"]
if (make === undefined) throw new Error("no check of JSON")
const follows = Result.getOrThrow(make({}))

it("is JSON to the check where it is to Python, in texts of all sorts", () => {
  const verdicts = golden.verdicts.flatMap((row) => row.split(""))
  const wrong = verdicts.flatMap((verdict, i) => {
    const drawn = text(i)
    return follows(drawn) === (verdict === "1") ? [] : [[shown(drawn), verdict]]
  })
  expect(wrong).toEqual([])
  // Both answers are there in numbers.
  expect(verdicts.filter((verdict) => verdict === "1").length).toBeGreaterThan(1000)
})

it("takes Python's three numbers where a value may stand, and nothing beside them", () => {
  for (const one of ["NaN", "-Infinity", '{"a": [NaN, Infinity]}', '"\\"NaN"'])
    expect([one, follows(one)]).toEqual([one, true])
  for (const one of [
    "1NaN",
    "-NaN",
    '{"a": 1NaN}',
    "1Infinity",
    "[1Infinity]",
    "NaN.5",
    "- Infinity",
    "{NaN: 1}",
    '"NaN',
  ])
    expect([one, follows(one)]).toEqual([one, false])
})

it("takes no longer for quotes that never end", () => {
  expect(follows(String.raw`"${String.raw`\"`.repeat(200_000)}`)).toBe(false)
})
