import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { arcChallenge, arcEasy, hellaswag, mmlu, winogrande } from "../../src/index.ts"
import { figures, items, jsonl, outputs, refused, valuesOf } from "../files.ts"

const choicesOf = (item: ReturnType<typeof items>[number] | undefined) => {
  const request = item?.request()
  return request?.kind === "choices" ? request.choices : []
}
const flat = {
  id: "q1",
  question: "What is wet?",
  choices: { text: ["water", "a very dry stone"], label: ["A", "B"] },
  answerKey: "A",
}

describe("multiple choice", () => {
  it("divides by characters for acc_norm and by bytes for acc_bytes", () => {
    const item = items(
      arcEasy,
      jsonl({ ...flat, choices: { text: ["ééééé", "abcdef"], label: ["1", "2"] }, answerKey: "2" }),
    )[0]
    // Per character −2 and −2.17, per byte −1 and −2.17: the first by all but … the raw sums.
    expect(valuesOf(item, [-10, -13])).toEqual({ acc: 0, acc_norm: 0, acc_bytes: 0, readable: 1 })
    expect(valuesOf(item, [-10, -11])).toEqual({ acc: 0, acc_norm: 1, acc_bytes: 0, readable: 1 })
    expect(valuesOf(item, [-10, -5])).toEqual({ acc: 1, acc_norm: 1, acc_bytes: 1, readable: 1 })
  })

  it("reads either form of ARC", () => {
    const nested = {
      id: "q2",
      question: {
        stem: "What is wet?",
        choices: [
          { text: "water", label: "1" },
          { text: "stone", label: "2" },
        ],
      },
      answerKey: "2",
    }
    const [first, second] = items(arcChallenge, jsonl(flat, nested))
    expect(choicesOf(first)).toEqual([
      { context: "Question: What is wet?\nAnswer:", continuation: " water" },
      { context: "Question: What is wet?\nAnswer:", continuation: " a very dry stone" },
    ])
    expect([first?.id, second?.id]).toEqual(["q1", "q2"])
    expect(valuesOf(second, "stone")).toEqual({ acc: 1, readable: 1 })
    expect(refused(arcEasy.read(jsonl({ ...flat, answerKey: "C" })))).toContain("an answerKey among the labels")
    expect(refused(arcEasy.read(jsonl({ ...flat, choices: { text: [], label: [] } })))).toContain("items.jsonl, line 1")
  })

  it("cleans HellaSwag's texts", () => {
    const doc = {
      ind: 4,
      activity_label: "Baking",
      ctx_a: "Mix it. [header] Stir  well. [title] Heat it",
      ctx_b: "then A cook",
      endings: ["waits [step] long", "runs"],
      label: "0",
    }
    const [item] = items(hellaswag, jsonl(doc))
    expect(choicesOf(item)).toEqual(
      [" waits long", " runs"].map((continuation) => ({
        context: "Baking: Mix it. Stir well.. Heat it Then a cook",
        continuation,
      })),
    )
    expect(item?.id).toBe("4")
    expect(refused(hellaswag.read(jsonl({ ...doc, label: 2 })))).toContain("a label among the endings")
  })

  it("scores WinoGrande by either context", () => {
    const doc = {
      qID: "w1",
      sentence: "It is in the bag as _ is small.",
      option1: "it",
      option2: "the bag",
      answer: "2",
    }
    expect(figures(winogrande, jsonl(doc), outputs({ id: "w1", scores: [-4, -3] }))).toEqual({ acc: 1, readable: 1 })
    expect(refused(winogrande.read(jsonl({ ...doc, sentence: "No gap." })))).toContain("a gap, written _")
    expect(refused(winogrande.read(jsonl({ ...doc, answer: "" })))).toContain(
      ', field answer: found ""; expected "1" or "2"',
    )
  })

  it("reads MMLU's table and its JSONL, and shows the subject and five solved questions", () => {
    const csv = { name: "tea_test.csv", text: '"What, if any?",a,b,c,d,B\nNext?,1,2,3,4,D\n' }
    const lines = jsonl({ question: " What, if any? ", choices: ["a", "b", "c", "d"], answer: 1, subject: "tea" })
    const ask = "What, if any?\nA. a\nB. b\nC. c\nD. d\nAnswer:"
    const before = "The following are multiple choice questions (with answers) about hot tea.\n\n"
    const contexts = [csv, lines].map((file) => choicesOf(items(mmlu("hot_tea"), file)[0])[0])
    expect(contexts).toEqual([
      { context: before + ask, continuation: " A" },
      { context: before + ask, continuation: " A" },
    ])
    const shown = choicesOf(items(mmlu("hot_tea"), lines, csv)[0])[0]
    expect(shown?.context).toBe(`${before}${ask} B\n\nNext?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer: D\n\n${ask}`)
    expect(figures(mmlu("tea"), csv, outputs({ id: 0, scores: [-4, -1, -3, -2] }, { id: 1, output: "D" }))["acc"]).toBe(
      1,
    )
    const without = (from: string, to: string) =>
      refused(mmlu("tea").read({ ...csv, text: csv.text.replace(from, to) }))
    expect(without("4,D", "4")).toBe(
      "tea_test.csv, line 2: found 5 cells; expected question, four choices and the letter of the right one",
    )
    expect(without("4,D", "4,E")).toContain("line 2: found another last cell")
    expect(without("a,b", ",b")).toContain("line 1: found an empty cell")
  })

  it("refuses an item without choices, or with an empty one, by line and field", () => {
    const none = { ...flat, choices: { text: [], label: [] } }
    expect(refused(arcEasy.read(jsonl(flat, none)))).toMatch(/^items\.jsonl, line 2, field choices/)
    const blank = { ind: 1, activity_label: "Tea", ctx_a: "He", ctx_b: "", endings: ["sips", ""], label: 0 }
    expect(refused(hellaswag.read(jsonl(blank)))).toMatch(
      /^items\.jsonl, line 1, field endings\.\d: found ""; expected one that is not empty$/,
    )
    expect(refused(hellaswag.read(jsonl({ ...blank, endings: [] })))).toMatch(/, field endings[a-z.]*: found /)
  })

  it("chooses the same choice wherever it stands", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: -100, max: -1 }), { minLength: 4, maxLength: 4 }),
        fc.nat({ max: 3 }),
        (scores, gold) => {
          const text = ["one", "two and two", "é", "four"]
          // Of equals the first is chosen, as NumPy's argmax does.
          fc.pre(new Set(scores.map((score, i) => score / (text[i] ?? "").length)).size === 4)
          fc.pre(new Set(scores.map((score, i) => score / Buffer.byteLength(text[i] ?? ""))).size === 4)
          const doc = (order: ReadonlyArray<number>) =>
            jsonl({
              ...flat,
              choices: { text: order.map((i) => text[i]), label: order.map(String) },
              answerKey: String(gold),
            })
          const straight = valuesOf(items(arcEasy, doc([0, 1, 2, 3]))[0], scores)
          const turned = valuesOf(items(arcEasy, doc([3, 2, 1, 0]))[0], scores.toReversed())
          expect(turned).toEqual(straight)
        },
      ),
    )
  })
})
