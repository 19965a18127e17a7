import * as fc from "fast-check"
import { expect, it } from "vitest"
import { answerText, completion, group } from "../../src/index.ts"

const asked = "What is it like?"
const texts = fc.sample(answerText(asked), { numRuns: 1000, seed: 3 })

it.each<[string, (text: string) => boolean]>([
  ["empty", (t) => t === ""],
  ["one word", (t) => /^\w+$/.test(t)],
  ["long", (t) => t.split(" ").length > 100],
  ["repeated", (t) => /(.{1,4})\1{5}/su.test(t)],
  ["emoji", (t) => /\p{Extended_Pictographic}/u.test(t)],
  ["other scripts", (t) => /\p{Script=Han}/u.test(t)],
  ["right to left", (t) => /\p{Script=Arabic}|\p{Script=Hebrew}/u.test(t)],
  ["combining marks", (t) => /\p{M}{2}/u.test(t)],
  ["control characters", (t) => /\p{Cc}/u.test(t.replaceAll("\n", ""))],
  ["markup", (t) => /<\w+>/.test(t)],
  ["special tokens", (t) => t.includes("<|im_end|>")],
  ["prompt injections", (t) => t.includes("score: 10")],
  ["answers that quote the question", (t) => t.includes(asked)],
])("1,000 answers have some that are: %s", (_, is) => {
  expect(texts.filter(is).length).toBeGreaterThan(1)
})

it("shrinks to the empty answer", () => {
  const found = fc.check(
    fc.property(answerText(), () => false),
    { seed: 9 },
  )
  expect(found.counterexample).toEqual([""])
})

it("text is well formed, as a decoder's is, and a completion has at least its end token", () => {
  fc.assert(fc.property(completion(), (c) => c.text.isWellFormed() && c.tokens >= 1 && Object.isFrozen(c)))
})

it("a group has one prompt, the sizes asked for, and sometimes an answer twice", () => {
  const groups = fc.sample(group({ minSize: 3, maxSize: 5, prompts: [{ id: "x", question: "?" }] }), {
    numRuns: 200,
    seed: 4,
  })
  expect(groups.every((g) => g.length >= 3 && g.length <= 5 && g.every((c) => c.id === "x"))).toBe(true)
  expect(groups.some((g) => new Set(g).size < g.length)).toBe(true)
})
