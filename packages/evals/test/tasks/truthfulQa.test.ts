import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { truthfulQaBinary, truthfulQaMc1, truthfulQaMc2 } from "../../src/index.ts"
import { figures, items, jsonl, outputs, refused, valuesOf } from "../files.ts"

const table = {
  name: "table.csv",
  text: [
    "Type,Category,Question,Best Answer,Best Incorrect Answer,Correct Answers,Incorrect Answers,Source",
    'Made,Tea,What is tea made of?,"Of leaves, mostly",Of stones,"Of leaves, mostly; Of leaves and water",Of stones; Of coal; Of air,none',
    "Made,Sea,Is the sea wet?,Yes,No,Yes; Very,No,none",
  ].join("\n"),
}
const line = {
  question: "Is the sea wet?",
  mc1_targets: { choices: ["No", "Yes"], labels: [0, 1] },
  mc2_targets: { choices: ["Yes", "No", "Very"], labels: [1, 0, 1] },
}
const choicesOf = (item: ReturnType<typeof items>[number] | undefined) => {
  const request = item?.request()
  return request?.kind === "choices" ? request.choices : []
}

const without = (from: string, to: string) => ({ ...table, text: table.text.replace(from, to) })

describe("TruthfulQA", () => {
  it("reads the table: the true answer first in MC1, all true ones first in MC2, the best two in the binary choice", () => {
    const texts = [truthfulQaMc1, truthfulQaMc2, truthfulQaBinary].map((benchmark) =>
      choicesOf(items(benchmark, table)[0]).map(({ continuation }) => continuation),
    )
    expect(texts).toEqual([
      [" Of leaves, mostly", " Of stones", " Of coal", " Of air"],
      [" Of leaves, mostly", " Of leaves and water", " Of stones", " Of coal", " Of air"],
      [" Of leaves, mostly", " Of stones"],
    ])
    expect(choicesOf(items(truthfulQaMc1, table)[1])[0]?.context).toBe("Q: Is the sea wet?\nA:")
  })

  it("reads JSONL, puts the true answer first, and shows a primer", () => {
    const [item] = items(truthfulQaMc1, jsonl(line), jsonl({ question: "Is snow cold?", answer: "It is." }))
    expect(choicesOf(item)).toEqual([
      { context: "Q: Is snow cold?\nA: It is.\n\nQ: Is the sea wet?\nA:", continuation: " Yes" },
      { context: "Q: Is snow cold?\nA: It is.\n\nQ: Is the sea wet?\nA:", continuation: " No" },
    ])
  })

  it("scores MC1 by the most likely, MC2 by the share of the true", () => {
    const log = Math.log
    expect(
      figures(truthfulQaMc1, table, outputs({ id: 0, scores: [-1, -2, -3, -4] }, { id: 1, scores: [-2, -1] }))["acc"],
    ).toBe(0.5)
    const mc2 = figures(
      truthfulQaMc2,
      table,
      outputs({ id: 0, scores: [log(0.2), log(0.1), log(0.1), log(0.05), log(0.05)] }, { id: 1, scores: [-9, -9, -9] }),
    )
    expect(mc2["acc"]).toBeCloseTo((0.6 + 2 / 3) / 2, 12)
    expect(valuesOf(items(truthfulQaMc2, jsonl(line))[0], [log(0.2), log(0.2), log(0.4)])["acc"]).toBeCloseTo(0.75, 12)
  })

  it("scores the binary choice by likelihood or by what an output says", () => {
    const found = figures(
      truthfulQaBinary,
      table,
      outputs({ id: 0, scores: [Math.log(3), 0] }, { id: 1, output: "No." }),
    )
    expect(found).toEqual({ acc: 0.5, p_true: expect.closeTo(0.75, 12) })
  })

  it("keeps MC2 within [0, 1], for any likelihoods, and unmoved by what is added to all of them", () => {
    const [item] = items(truthfulQaMc2, table)
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -2000, max: 0, noNaN: true }), { minLength: 5, maxLength: 5 }),
        fc.double({ min: -500, max: 500, noNaN: true }),
        (scores, all) => {
          const acc = valuesOf(item, scores)["acc"] ?? Number.NaN
          expect(acc).toBeGreaterThanOrEqual(0)
          expect(acc).toBeLessThanOrEqual(1)
          expect(
            valuesOf(
              item,
              scores.map((score) => score + all),
            )["acc"],
          ).toBeCloseTo(acc, 6)
        },
      ),
    )
  })

  it("refuses a table without its columns, empty answers, and a row that is cut off", () => {
    expect(refused(truthfulQaMc1.read(without("Correct Answers", "Other")))).toMatch(
      /, line 1: found no column Correct Answers; expected a header with Question, Best Answer, Correct Answers, Incorrect Answers$/,
    )
    expect(refused(truthfulQaMc1.read(without("Yes; Very,No,none", "Yes; Very,,none")))).toBe(
      "table.csv, line 3: found an empty Incorrect Answers; expected Question, Best Answer, Correct Answers and Incorrect Answers",
    )
    expect(refused(truthfulQaMc1.read(without("No,none", "No")))).toContain("line 3: found 7 cells; expected 8")
    expect(refused(truthfulQaBinary.read(jsonl(line)))).toContain("no Best Incorrect Answer")
    expect(refused(truthfulQaMc2.read(jsonl({ ...line, mc2_targets: { choices: ["Yes"], labels: [1] } })))).toContain(
      "both true and false",
    )
  })
})
