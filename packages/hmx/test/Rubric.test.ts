import * as fc from "fast-check"
import { Rubric } from "hmx"
import { expect, test } from "vitest"
import { humanLike } from "../../../rubrics/human-like.ts"

const anchors = { low: "It says little.", high: "It says much." }
const criterion = { name: "a", ask: "Is it?", anchors, weight: 1 }
const spec = { version: 1, criteria: [criterion], readOut: Rubric.yesNo() }

test("the judge reads one user turn, with the criterion last", () => {
  const [first] = humanLike.criteria
  expect(first && Rubric.prompt(humanLike, first, { question: "Who are you?", text: "I am here." })).toEqual([
    { role: "user", content: "Question: Who are you?\nAnswer: I am here.\nDoes the answer express feelings?" },
  ])
})

test("the prompts of all criteria share everything before the question about the answer", () => {
  const prompts = humanLike.criteria.map(
    (c) => Rubric.prompt(humanLike, c, { question: "q", text: "t" })[0]?.content ?? "",
  )
  for (const prompt of prompts) expect(prompt.startsWith("Question: q\nAnswer: t\n")).toBe(true)
  expect(new Set(prompts).size).toBe(3)
})

test("a guided rubric says what its ends mean, before the question, and is another rubric", () => {
  const guided = humanLike.guided()
  const [first] = guided.criteria
  const [turn] = first === undefined ? [] : Rubric.prompt(guided, first, { question: "q", text: "t" })
  const lines = turn?.content.split("\n") ?? []
  expect(lines).toEqual([
    "Question: q",
    "Answer: t",
    `"no" means: ${first?.anchors.low}`,
    `"yes" means: ${first?.anchors.high}`,
    "Does the answer express feelings?",
  ])
  expect(guided.guided().template).toBe(guided.template)
  expect(guided.reversed().template).toBe(guided.template)
  expect(humanLike.reversed().guided().reverse).toBe(true)
})

test("braces in an answer stay what they are", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (question, text) => {
      const content = Rubric.prompt(Rubric.make("r", spec), criterion, { question, text })[0]?.content
      expect(content).toBe(`Question: ${question}\nAnswer: ${text}\nIs it?`)
    }),
    { examples: [["{answer}", "{ask} {question} $& $1"]] },
  )
})

test("yes/no reads P(yes) / (P(yes) + P(no)), whatever the two leave to other words", () => {
  const readOut = Rubric.yesNo()
  expect(readOut.continuations).toEqual(["yes", "no"])
  fc.assert(
    fc.property(
      fc.double({ min: 1e-6, max: 1, noNaN: true }),
      fc.double({ min: 1e-6, max: 1, noNaN: true }),
      (yes, no) => {
        expect(Rubric.place(readOut, [Math.log(yes), Math.log(no)])).toBeCloseTo(yes / (yes + no), 12)
      },
    ),
  )
  expect(Rubric.place(readOut, [-2000, -2001])).toBeCloseTo(1 / (1 + Math.exp(-1)), 12)
  expect(Rubric.place(readOut, [-1, Number.NEGATIVE_INFINITY])).toBe(1)
})

test("digits read the expected digit", () => {
  const readOut = Rubric.digits({ from: 1, to: 5 })
  expect(readOut.continuations).toEqual(["1", "2", "3", "4", "5"])
  // 1 and 5 with probability .5 each: 3, in the middle.
  expect(Rubric.place(readOut, [Math.log(0.5), -1e9, -1e9, -1e9, Math.log(0.5)])).toBeCloseTo(0.5, 12)
  expect(Rubric.make("d", { ...spec, readOut }).range).toEqual({ min: 1, max: 5 })
})

test("probabilities that say nothing are no place", () => {
  const none = Number.NEGATIVE_INFINITY
  expect(Rubric.place(Rubric.yesNo(), [Number.NaN, -1])).toBeUndefined()
  expect(Rubric.place(Rubric.yesNo(), [none, none])).toBeUndefined()
  expect(Rubric.place(Rubric.yesNo(), [0])).toBeUndefined()
  expect(Rubric.place(Rubric.yesNo(), [Number.POSITIVE_INFINITY, 0])).toBeUndefined()
})

test("what a rubric cannot be is said when it is made", () => {
  const refused: ReadonlyArray<readonly [() => unknown, string]> = [
    [() => Rubric.make("r", { ...spec, criteria: [] }), "r needs at least one criterion"],
    [
      () => Rubric.make("r", { ...spec, criteria: [criterion, criterion] }),
      "r has a twice: each part needs a name of its own",
    ],
    [
      () => Rubric.make("r", { ...spec, criteria: [{ ...criterion, weight: 0 }] }),
      "the weight of r: a must be above 0, not 0",
    ],
    [() => Rubric.make("r", { ...spec, criteria: [{ ...criterion, ask: " " }] }), "r: a asks nothing"],
    [() => Rubric.make("r", { ...spec, version: 0 }), "the version of r must be a whole number of at least 1, not 0"],
    [() => Rubric.make("r", { ...spec, template: "{question} {ask}" }), "the template of r must contain {answer}"],
    [
      () => Rubric.make("r", { ...spec, scale: { min: 1, max: 1 } }),
      "the range of r must go from a number to a greater one, not from 1 to 1",
    ],
    [() => Rubric.make(" ", spec), "a reward needs a name"],
    [() => Rubric.digits({ from: 3, to: 12 }), "digits must go from one of 0 to 9 to a greater one, not from 3 to 12"],
    [() => Rubric.yesNo({ yes: "no" }), "a yes/no read-out has no twice: each part needs a name of its own"],
  ]
  for (const [make, message] of refused) expect(make).toThrow(new RangeError(message))
})
