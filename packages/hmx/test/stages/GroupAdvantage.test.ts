import * as Effect from "effect/Effect"
import { Artefact, GroupAdvantage, Stage } from "hmx"
import { expect, test } from "vitest"

const verdicts = new Artefact.Verdicts({
  reward: "r@1",
  verdicts: [
    { _tag: "Scored", score: 1, parts: {} },
    { _tag: "Unscored", reason: "cut" },
    { _tag: "Scored", score: 0, parts: {} },
  ],
})
const run = (stage: GroupAdvantage) => Effect.runSync(Stage.run(stage, { verdicts }))

test("each score less the mean of what is scored, over the deviation", () => {
  const std = Math.fround(Math.sqrt(0.5))
  expect(run(GroupAdvantage.stage({ scale: "group", stdEpsilon: 0.1 }))).toEqual(
    new Artefact.Advantages({ values: [0.5 / (std + 0.1), null, -0.5 / (std + 0.1)], mean: 0.5, std }),
  )
  expect(run(GroupAdvantage.stage({ scale: "none" }))).toMatchObject({ values: [0.5, null, -0.5] })
})

test("by the batch, it leaves the division to the update and says so", () => {
  expect(run(GroupAdvantage.stage({ scale: "batch", stdEpsilon: 0.1 }))).toMatchObject({
    values: [0.5, null, -0.5],
    batch: { stdEpsilon: 0.1 },
  })
})
