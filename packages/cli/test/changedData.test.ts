/** Data files that are changed under a run. */
import { readFileSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { hmx, pipeline, sandbox } from "./sandbox.ts"

const table = (about: string, questions = 3): string =>
  [
    "Question,Best Answer,Correct Answers,Incorrect Answers",
    ...Array.from({ length: questions }, (_, i) => `What is ${about} ${i}?,A ${about}.,A ${about}.,A stone.; A cloud.`),
    "",
  ].join("\n")

/** The pipeline of the tests, which measures a table beside it that is named by its path. */
const folderOf = (make = "experiment") =>
  sandbox({
    "plan.ts": pipeline({
      stages: (stages) => [
        ...stages.slice(0, -1),
        `Evaluate.stage({ tasks: [task(truthfulQaMc1, { file: "./tq.csv" }), heldOut(brevity, "frozen")] }),`,
      ],
    })
      .replace("import { heldOut }", "import { heldOut, task, truthfulQaMc1 }")
      .replace("import { Evaluate,", "import { contrast, Evaluate,")
      .replace("export default ", "const experiment = ")
      .concat(`export default ${make}\n`),
    "tq.csv": table("a river"),
  })

describe("a data file that a path names, changed under a run", () => {
  it("is refused by a resumed run, which goes on with it by --force and says what is not to be compared", async () => {
    const folder = folderOf()
    const stopped = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--quiet", "--max-tokens", "5"])
    expect(stopped.err).toMatch(/^stopped: the budget is used up after step 1 of 2/)
    writeFileSync(`${folder}/tq.csv`, table("a mountain"))
    const { code, err } = await hmx(["resume", `${folder}/run`, "--quiet"])
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/found a change of data\["\.\/tq\.csv"\]: "[0-9a-f]{32}" → "[0-9a-f]{32}"; expected the /),
    ])
    const forced = await hmx(["resume", `${folder}/run`, "--quiet", "--force", "--max-tokens", "100000"])
    expect([forced.code, forced.err]).toEqual([0, ""])
    const sentence =
      "before and after are not to be compared: task truthfulqa_mc1: found item 0 asked in other words; expected evaluations on the same questions"
    expect(forced.out).toContain(`\n\n${sentence}\n\n`)
    expect((await hmx(["runs", "show", `${folder}/run`])).out).toContain(sentence)
  })

  it("leaves the table of a contrast out, and says why", async () => {
    const folder = folderOf("contrast(experiment, { one: (arm) => arm, two: (arm) => arm })")
    const done = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--quiet"])
    expect([done.code, done.err]).toEqual([0, ""])
    expect(done.out).toMatch(/^truthfulqa_mc1\n {2}acc /m)
    // As if the second arm had gone on with other data.
    const records = `${folder}/run/arms/two/evaluations/step-2/truthfulqa_mc1.jsonl`
    writeFileSync(records, readFileSync(records, "utf8").replaceAll("a river", "a mountain"))
    const shown = await hmx(["runs", "show", `${folder}/run`])
    expect([shown.code, shown.err]).toEqual([
      0,
      "the table of benchmarks is left out: task truthfulqa_mc1: found item 0 asked in other words; expected evaluations on the same questions\n",
    ])
    expect(shown.out).toMatch(/^two +finished +2\/2 /m)
  })
})
