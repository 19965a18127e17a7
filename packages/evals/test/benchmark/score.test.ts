import { describe, expect, it } from "vitest"
import * as Result from "effect/Result"
import { emoBenchApplication, gsm8k, perplexity, score, sycophancy } from "../../src/index.ts"
import { items, jsonl, outputs, refused } from "../files.ts"

const sum = (a: number, b: number) => ({ question: `What is ${a} + ${b}?`, answer: `We add.\n#### ${a + b}` })
const two = items(gsm8k, jsonl(sum(1, 2), sum(3, 4)))
const said = (...lines: ReadonlyArray<unknown>) => refused(score(gsm8k, two, outputs(...lines)))

const act = (language: string, qid: number) => ({
  qid,
  language,
  "question type": "Action",
  scenario: "Ann broke a cup.",
  subject: "Ann",
  choices: ["Hide it", "Tell Ben"],
  label: "Tell Ben",
})

describe("score", () => {
  it("gives figures and every item's record in the items' order", () => {
    const found = Result.getOrThrow(
      score(gsm8k, two, outputs({ id: 1, output: "#### 7", model: "m" }, { id: "0", output: "It is 4." })),
    )
    expect(found.records).toEqual([
      {
        id: "0",
        wrong: true,
        expected: "3",
        values: { strict: 0, flexible: 0 },
        answer: { kind: "text", text: "It is 4." },
      },
      {
        id: "1",
        wrong: false,
        expected: "7",
        values: { strict: 1, flexible: 1 },
        answer: { kind: "text", text: "#### 7" },
      },
    ])
    expect(found.measures).toEqual([
      { task: "gsm8k", metric: "exact_match,strict-match", value: 0.5, stderr: 0.5, n: 2, higherIsBetter: true },
      { task: "gsm8k", metric: "exact_match,flexible-extract", value: 0.5, stderr: 0.5, n: 2, higherIsBetter: true },
    ])
  })

  it("refuses outputs that are not of the form, with the line", () => {
    expect(said({ id: 0, output: "1" }, { id: 1 })).toMatch(
      /^outputs\.jsonl, line 2, field output or scores: found nothing; expected /,
    )
    expect(said({ id: 0, scores: [] })).toContain("outputs.jsonl, line 1")
    expect(said({ id: 0, scores: ["1"] })).toContain("outputs.jsonl, line 1")
    const great = { name: "outputs.jsonl", text: '{"id": 0, "scores": [-1, 1e999]}' }
    expect(refused(score(sycophancy.nlpSurvey, [], great))).toBe(
      "outputs.jsonl, line 1, field scores.1: found a number beyond what 64 bits hold; expected a number",
    )
    expect(refused(score(gsm8k, two, { name: "o", text: '{"id":0,"output":"x"}\n{"id":1,' }))).toBe(
      'o, line 2: found {"id":1,; expected one JSON value on the line',
    )
    expect(refused(score(gsm8k, two, { name: "o", text: "\n" }))).toContain("no line")
  })

  it("refuses an id twice, an unknown one, and missing ones", () => {
    expect(said({ id: 0, output: "" }, { id: "0", output: "" })).toBe(
      "outputs.jsonl, line 2: found the id 0 again; expected one output an item: line 1 has it",
    )
    expect(said({ id: 2, output: "" })).toBe(
      "outputs.jsonl, line 1: found the id 2; expected an id of gsm8k, such as 0",
    )
    expect(said({ id: 0, output: "" })).toBe(
      "outputs.jsonl: found no output for 1 of 2 items: 1; expected one line an item",
    )
  })

  it("takes a missing output for an empty one where that is asked for, and counts it", () => {
    const found = Result.getOrThrow(score(gsm8k, two, outputs({ id: 1, output: "#### 7" }), { missing: "empty" }))
    expect(found.missing).toEqual(["0"])
    expect(found.records.map(({ id, values }) => [id, values["strict"]])).toEqual([
      ["0", 0],
      ["1", 1],
    ])
    expect(found.measures.at(-1)).toEqual({
      task: "gsm8k",
      metric: "missing",
      value: 0.5,
      stderr: 0.5,
      n: 2,
      higherIsBetter: null,
    })
    const whole = outputs({ id: 0, output: "" }, { id: 1, output: "#### 7" })
    expect(Result.getOrThrow(score(gsm8k, two, whole, { missing: "empty" }))).toMatchObject({
      missing: [],
      measures: [{ metric: "exact_match,strict-match" }, { metric: "exact_match,flexible-extract" }],
    })
    const text = items(perplexity, { name: "held-out.txt", text: "One.\n\nTwo." })
    expect(refused(score(perplexity, text, outputs({ id: 0, scores: [-1, 2] }), { missing: "empty" }))).toMatch(
      /^outputs\.jsonl, item 1: found no output, and an empty one is none; expected "scores" of 2 numbers/,
    )
  })

  it.each(["\u202eteapot", "tea\u0000pot", "tea\u200bpot.", "\ufeffA teapot\u2069"])(
    "reads an output with characters that are not seen: %j",
    (output) => {
      const asked = items(
        sycophancy.nlpSurvey,
        jsonl({ question: "Q?", answer_matching_behavior: "a kettle", answer_not_matching_behavior: "a teapot" }),
      )
      const [record] = Result.getOrThrow(score(sycophancy.nlpSurvey, asked, outputs({ id: 0, output }))).records
      expect(record?.values).toMatchObject({ acc: 0, readable: 1 })
      const lettered = score(
        emoBenchApplication,
        items(emoBenchApplication, jsonl(act("en", 1))),
        outputs({ id: 1, output: "\u202e(B)" }),
      )
      expect(Result.getOrThrow(lettered).records[0]?.values).toMatchObject({ acc: 1 })
    },
  )

  it("refuses scores where text is wanted, and another number of them than choices", () => {
    expect(said({ id: 0, scores: [1, 2] }, { id: 1, output: "" })).toBe(
      `outputs.jsonl, line 1: found 2 scores; expected "output", the answer's text: of scores nothing of this benchmark can be read`,
    )
    const asked = items(
      sycophancy.nlpSurvey,
      jsonl({ question: "Q?", answer_matching_behavior: " (A)", answer_not_matching_behavior: " (B)" }),
    )
    expect(refused(score(sycophancy.nlpSurvey, asked, outputs({ id: 0, scores: [-1] })))).toContain(
      'expected "scores" of 2 numbers, one a choice',
    )
  })

  it("knows an item by the last part of its id, where only one has it", () => {
    const one = items(emoBenchApplication, jsonl(act("en", 1), act("en", 2)))
    const found = score(emoBenchApplication, one, outputs({ id: 2, output: "(B)" }, { id: "en/1", output: "(A)" }))
    expect(Result.getOrThrow(found).records.map(({ id, values }) => [id, values["acc"]])).toEqual([
      ["en/1", 0],
      ["en/2", 1],
    ])
    const twice = score(emoBenchApplication, one, outputs({ id: 2, output: "(B)" }, { id: "en/2", output: "(A)" }))
    expect(refused(twice)).toContain("line 2: found the id en/2 again")
    const both = items(emoBenchApplication, jsonl(act("en", 1), act("zh", 1)))
    expect(refused(score(emoBenchApplication, both, outputs({ id: 1, output: "(B)" })))).toContain("found the id 1")
  })

  it("shows nothing of hostile markup but what is printable", () => {
    const message = said({ id: "\u001b[31m\u202Ered", output: "" })
    expect(message).toContain("red")
    for (const hostile of ["\u001b", "\u202e"]) expect(message).not.toContain(hostile)
  })
})
