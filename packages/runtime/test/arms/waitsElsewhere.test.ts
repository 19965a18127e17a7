import { GroupAdvantage, Rubric, Sample, SelfJudge } from "hmx"
import { expect, it } from "vitest"
import { waitsElsewhere } from "../../src/Turn.ts"

const rubric = Rubric.make("r", {
  version: 1,
  criteria: [{ name: "a", ask: "A?", anchors: { low: "no", high: "yes" }, weight: 1 }],
  readOut: Rubric.yesNo(),
  scale: { min: 0, max: 1 },
})

it("only a stage that waits for a judge on a server lends an arm's turn: one that computes at once would split its step", () => {
  const stages = [
    Sample.stage({ groupSize: 2, maxNewTokens: 4 }),
    SelfJudge.stage({ rubric, judge: "live" }),
    SelfJudge.stage({ rubric, judge: "remote" }),
    GroupAdvantage.stage({ scale: "group" }),
  ]
  expect(stages.map(waitsElsewhere)).toEqual([false, false, true, false])
})
