import { describe, expect, it } from "vitest"
import { gsm8k } from "../../src/index.ts"
import { flexibleExtract, strictMatch } from "../../src/tasks/gsm8k.ts"
import { items, jsonl, refused, valuesOf } from "../files.ts"

const problem = (n: number, answer: string) => ({
  question: `Problem ${n}?`,
  answer: `So it is <<${n}=${n}>>${n}.\n#### ${answer}`,
})

describe("gsm8k", () => {
  it.each([
    ["It is 1000.\n#### 1,000", 1, 1],
    ["#### $1000", 0, 1],
    ["#### 1000.", 1, 1],
    ["####1000", 0, 1],
    ["The answer is $1,000.00", 0, 0],
    ["The answer is 1,000.", 0, 1],
    ["#### 1000 and later 7", 1, 0],
    ["#### -1000", 0, 0],
    ["#### 5\n#### 1000", 0, 1],
    ["#### 1000\n\nQuestion: next?\n#### 7", 1, 1],
    ["#### 1000<|im_end|>8", 1, 1],
    ["no number", 0, 0],
    ["", 0, 0],
  ])("scores %j", (output, strict, flexible) => {
    expect(valuesOf(items(gsm8k, jsonl(problem(1, "1,000")))[0], output)).toEqual({ strict, flexible })
  })

  it("extracts what lm-evaluation-harness's two patterns do", () => {
    expect(strictMatch("#### 3,4.5x #### 6")).toBe("3,4.5")
    expect(flexibleExtract("7 then -$12,5")).toBe("-$12,5")
    expect(flexibleExtract("a 7")).toBe("7")
    expect(flexibleExtract("none")).toBeUndefined()
  })

  it("shows the first five solved problems", () => {
    const shots = jsonl(...[1, 2, 3, 4, 5, 6].map((n) => problem(n, String(n))))
    const request = items(gsm8k, jsonl(problem(9, "9")), shots)[0]?.request()
    expect(request).toEqual({
      kind: "generate",
      context: `${[1, 2, 3, 4, 5].map((n) => `Question: Problem ${n}?\nAnswer: So it is <<${n}=${n}>>${n}.\n#### ${n}\n\n`).join("")}Question: Problem 9?\nAnswer:`,
      until: ["Question:", "</s>", "<|im_end|>"],
      maxNewTokens: 256,
    })
  })

  it("refuses a solution without its number, in the data and among the shots", () => {
    expect(refused(gsm8k.read(jsonl(problem(1, "1"), { question: "Q?", answer: "four" })))).toMatch(
      /^items\.jsonl, line 2, field answer: found "four"; expected an answer that ends with "#### number"$/,
    )
    expect(
      refused(gsm8k.read(jsonl(problem(1, "1")), { ...jsonl({ question: "Q?" }), name: "shots.jsonl" })),
    ).toContain("shots.jsonl, line 1")
  })
})
