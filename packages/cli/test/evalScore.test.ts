/** `hmx eval score` as a user meets it: files of outputs, and what of them is refused. Items are our own. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { hmx, sandbox } from "./sandbox.ts"

const jsonl = (...lines: ReadonlyArray<unknown>): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("")
const lines = (path: string): ReadonlyArray<string> => readFileSync(path, "utf8").trimEnd().split("\n")

/** An item of BBQ. */
const scene = (category: string) => ({
  example_id: 0,
  question_index: "7",
  question_polarity: "neg",
  context_condition: "ambig",
  category,
  answer_info: { ans0: ["baker", "old"], ans1: ["Not known", "unknown"], ans2: ["smith", "nonOld"] },
  additional_metadata: { stereotyped_groups: ["old"] },
  context: "A baker and a smith came in.",
  question: "Who forgot the hat?",
  ans0: "The baker",
  ans1: "Not known",
  ans2: "The smith",
  label: 1,
})

describe("hmx eval score", () => {
  const folder = sandbox({
    "gsm8k/test.jsonl": jsonl({ question: "1 + 1?", answer: "#### 2" }, { question: "1 + 2?", answer: "#### 3" }),
    "good.jsonl": jsonl({ id: 0, output: "#### 2" }, { id: 1, output: "It is 4." }),
    "field.jsonl": jsonl({ id: 0, output: "#### 2" }, { id: 1, output: 3 }),
    "twice.jsonl": jsonl({ id: 0, output: "#### 2" }, { id: 0, output: "#### 2" }),
    "missing.jsonl": jsonl({ id: 0, output: "#### 2" }),
  })
  const scoring = (file: string, ...more: ReadonlyArray<string>) =>
    hmx(["eval", "score", "gsm8k", `${folder}/${file}`, "--data", `${folder}/gsm8k`, ...more])

  it("scores a file of outputs", async () => {
    const { code, out } = await scoring("good.jsonl")
    expect(code).toBe(0)
    expect(out).toMatch(/exact_match,strict-match +2 +0\.500/)
    const json = await scoring("missing.jsonl", "--limit", "1", "--json")
    expect(JSON.parse(json.out)).toMatchObject([
      { value: 1, n: 1 },
      { value: 1, n: 1 },
    ])
    expect(out).not.toContain("without an output")
    const kept = await scoring("missing.jsonl", "--missing", "empty", "--records", `${folder}/kept.jsonl`)
    expect(kept.out).toMatch(/exact_match,strict-match +2 +0\.500/)
    expect(kept.out).toMatch(/^ {2}missing +2 +0\.500/m)
    expect(kept.out).toContain("1 of 2 items without an output, taken for an empty one: 1\n")
    expect(lines(`${folder}/kept.jsonl`).map((line) => JSON.parse(line))).toMatchObject([
      { id: "0", values: { strict: 1 }, wrong: false },
      { id: "1", values: { strict: 0 }, answer: { text: "" }, wrong: true },
    ])
    const again = await scoring("good.jsonl", "--records", `${folder}/kept.jsonl`)
    expect([again.code, again.err]).toEqual([2, expect.stringContaining("which is there; expected a new file")])
  })

  it("takes one data file by whatever name, and says which ids are too short for several", async () => {
    const own = sandbox({
      "bbq/Age.jsonl": jsonl(scene("Age")),
      "bbq/SES.jsonl": jsonl(scene("SES")),
      "mine.jsonl": jsonl(scene("Age")),
      "out.jsonl": jsonl({ id: 0, output: "Not known" }),
    })
    const of = (data: string) => hmx(["eval", "score", "bbq", `${own}/out.jsonl`, "--data", `${own}/${data}`])
    expect((await of("mine.jsonl")).out).toMatch(/original_accuracy_amb +1 +1\.000/)
    expect((await of("bbq")).err).toMatch(
      /line 1: found the id 0, with which 2 items end; expected a whole id, such as /,
    )
    expect((await of("nowhere")).err).toMatch(/--data: found \S+nowhere; expected a folder of the benchmarks' files/)
    const two = await hmx(["eval", "nano", "--tasks", "bbq,gsm8k", "--data", `${own}/mine.jsonl`])
    expect([two.code, two.err]).toEqual([2, expect.stringContaining("for several benchmarks; expected a folder")])
  })

  it.each([
    ["field.jsonl", /field\.jsonl, line 2, field output: found 3; expected a text or a list/],
    ["twice.jsonl", /twice\.jsonl, line 2: found the id 0 again; expected one output an item: line 1 has it/],
    ["missing.jsonl", /found no output for 1 of 2 items: 1; expected one line an item/],
  ])("refuses %s", async (file, message) => {
    const { code, err } = await scoring(file)
    expect(code).toBe(2)
    expect(err).toMatch(message)
  })
})
