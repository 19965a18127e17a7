import { describe, expect, it } from "vitest"
import { emoBenchApplication, emoBenchUnderstanding } from "../../src/index.ts"
import { figures, items, jsonl, outputs, refused, valuesOf } from "../files.ts"

const act = (language: string) => ({
  qid: "1",
  language,
  category: "Personal-Self",
  "question type": "Action",
  scenario: "Ann broke a cup.",
  subject: "Ann",
  choices: ["Hide it", "Tell Ben", "Buy a cup"],
  label: "Tell Ben",
})
const feel = {
  qid: 4,
  language: "en",
  scenario: "Ben got a cup.",
  subject: "Ben",
  emotion_choices: ["Joy", "Fear", "Joy & Fear"],
  emotion_label: "Joy",
  cause_choices: ["It is new", "It is old"],
  cause_label: "It is new",
}

describe("EmoBench", () => {
  it("scores the best action by likelihood, letter or text, each language apart", () => {
    const file = jsonl(act("en"), act("zh"))
    expect(
      figures(emoBenchApplication, file, outputs({ id: "en/1", scores: [-3, -1, -2] }, { id: "zh/1", output: "(C)" })),
    ).toEqual({
      acc: 0.5,
      acc_en: 1,
      acc_zh: 0,
      readable: 1,
    })
    const [item] = items(emoBenchApplication, file)
    expect(item?.cluster).toBe("1")
    expect(valuesOf(item, "I would tell Ben.")).toMatchObject({ acc: 1 })
    expect(valuesOf(item, "Hide it, then tell Ben")).toMatchObject({ acc: 0, readable: 0 })
    const request = item?.request()
    expect(request?.kind === "choices" && request.choices.map(({ continuation }) => continuation)).toEqual([
      " (A)",
      " (B)",
      " (C)",
    ])
  })

  it("wants both the emotion and its cause", () => {
    const [item] = items(emoBenchUnderstanding, jsonl(feel))
    expect(valuesOf(item, [-1, -2, -3, -5, -4])).toEqual({ acc: 0, acc_en: 0, emotion: 1, cause: 0, readable: 1 })
    expect(valuesOf(item, [-1, -2, -3, -4, -5])).toMatchObject({ acc: 1 })
    expect(valuesOf(item, '```json\n{"emotion": "Joy", "cause": "(A)"}\n```')).toMatchObject({ acc: 1 })
    expect(valuesOf(item, "**Emotion**: Joy & Fear\n**Cause**: It is new")).toMatchObject({
      acc: 0,
      emotion: 0,
      cause: 1,
    })
    expect(valuesOf(item, "{{{{ Joy")).toMatchObject({ acc: 0, readable: 0 })
  })

  it("refuses labels that are not among the choices, and another number of scores", () => {
    expect(refused(emoBenchApplication.read(jsonl({ ...act("en"), label: "Run" })))).toContain(
      "a label among the choices",
    )
    expect(refused(emoBenchUnderstanding.read(jsonl({ ...feel, cause_choices: [] })))).toMatch(
      /, field cause_choices[a-z.]*: found /,
    )
    const [item] = items(emoBenchUnderstanding, jsonl(feel))
    expect(() => valuesOf(item, [-1, -2, -3])).toThrow()
  })
})
