/** What is said of a line that is not of its form. */
import * as Result from "effect/Result"
import { describe, expect, it } from "vitest"
import { arcEasy, bbq, type Benchmark, gsm8k, hellaswag, score, winogrande } from "../../src/index.ts"

const refused = (benchmark: Benchmark, line: unknown): string => {
  const read = benchmark.read({ name: "f.jsonl", text: JSON.stringify(line) })
  return Result.isFailure(read) ? read.failure.message : "read"
}
const scene = {
  example_id: 0,
  question_index: "1",
  question_polarity: "neg",
  context_condition: "ambig",
  category: "Age",
  answer_info: { ans0: ["a", "old"], ans1: ["b", "young"], ans2: ["c", "unknown"] },
  additional_metadata: { stereotyped_groups: ["old"] },
  context: "Two came.",
  question: "Who fell?",
  ans0: "A",
  ans1: "B",
  ans2: "Unknown",
  label: 2,
}
const { label: _, ...unlabelled } = scene
const arc = { id: "x", question: "Ice?", choices: { text: ["A", "B"], label: ["A", "B"] }, answerKey: "A" }

describe("a line that is not of its form", () => {
  it.each<readonly [string, Benchmark, unknown, string]>([
    ["lacks a field", bbq, unlabelled, ", field label: found nothing; expected 0, 1 or 2"],
    ["has another value", bbq, { ...scene, label: 3 }, ", field label: found 3; expected 0, 1 or 2"],
    ["has another type", bbq, { ...scene, context: 5 }, ", field context: found 5; expected a text"],
    ["has an empty text", bbq, { ...scene, ans0: "" }, ', field ans0: found ""; expected one that is not empty'],
    [
      "lacks a field deep down",
      bbq,
      { ...scene, answer_info: { ans0: [], ans1: [] } },
      ", field answer_info.ans2: found nothing; expected a list",
    ],
    [
      "has no choices, in the one of two forms that it is of",
      arcEasy,
      { ...arc, choices: { text: [], label: [] } },
      ", field choices.text: found []; expected a list of at least 1",
    ],
    [
      "has no choices, in the other form",
      arcEasy,
      { id: "x", question: { stem: "Ice?", choices: [] }, answerKey: "A" },
      ", field question.choices: found []; expected a list of at least 1",
    ],
    [
      "fails a check",
      gsm8k,
      { question: "1 + 1?", answer: "2" },
      ', field answer: found "2"; expected an answer that ends with "#### number"',
    ],
    ["is another thing", gsm8k, 5, ": found 5; expected an object"],
    [
      "may be of two types",
      hellaswag,
      { ind: 0, activity_label: "", ctx_a: "", ctx_b: "", endings: ["a"], label: null },
      ", field label: found null; expected a number or a text",
    ],
    [
      "lacks a gap",
      winogrande,
      { qID: "1", sentence: "No.", option1: "a", option2: "b", answer: "1" },
      ', field sentence: found "No."; expected a gap, written _',
    ],
  ])("%s", (_name, benchmark, line, said) => {
    expect(refused(benchmark, line)).toBe(`f.jsonl, line 1${said}`)
  })

  it("names both fields where either would do", () => {
    const found = score(gsm8k, [], { name: "o", text: '{"id":1}' })
    expect(Result.isFailure(found) && found.failure.message).toBe(
      "o, line 1, field output or scores: found nothing; expected a text or a list",
    )
    const other = score(gsm8k, [], { name: "o", text: '{"id":1,"output":3}' })
    expect(Result.isFailure(other) && other.failure.message).toBe(
      "o, line 1, field output: found 3; expected a text or a list",
    )
    const { choices: _, ...without } = arc
    expect(refused(arcEasy, without)).toBe("f.jsonl, line 1, field choices: found nothing; expected an object")
  })

  it("fails a check of the whole, in the form that it is of", () => {
    const keyless = refused(arcEasy, { ...arc, answerKey: "Z" })
    expect(keyless).toMatch(/^f\.jsonl, line 1: found \{"id":"x".*; expected an answerKey among the labels$/)
  })
})
