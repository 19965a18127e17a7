import { Experiment, GroupAdvantage, identity, Model, Prompts, Reward, Sample, SelfJudge } from "hmx"
import { expect, test } from "vitest"
import { humanLike } from "../../../rubrics/human-like.ts"
import { free } from "../fixtures/mistakes/parts.ts"

const start = Experiment.make("tiny", {
  model: Model.nano,
  prompts: Prompts.inline(["a"]),
  memory: "512 MiB",
  steps: 1,
  seed: 7,
})
const of = (reward: Reward.Reward) =>
  identity(
    start.pipe(Sample.stage({ groupSize: 4, maxNewTokens: 8 }), SelfJudge.stage({ rubric: reward, judge: "frozen" })),
  )
const brevity = (version: number, score: (c: Reward.Completion) => number) =>
  of(Reward.mix([0.8, humanLike], [0.2, Reward.make("brevity", { version, score })]))

test("an identity covers what is declared, and code is a trip-wire", () => {
  const one = brevity(1, (c) => c.text.length)
  // oxfmt-ignore
  const spaced = brevity(1, (c)   =>   c.text.length)
  const other = brevity(1, (c) => -c.text.length)
  const newer = brevity(2, (c) => c.text.length)
  expect(spaced).toEqual(one)
  expect(other.canonical).toBe(one.canonical)
  expect(other.tripwires).not.toEqual(one.tripwires)
  expect(newer.canonical).not.toBe(one.canonical)
  expect(Object.keys(one.tripwires)).toEqual(expect.arrayContaining(["brevity@1.score", "Sample@1.run"]))
})

test("every option is part of it, reversal and guidance too, and defaults count as what they are", () => {
  const identities = [humanLike, humanLike.reversed(), humanLike.guided(), free].map((r) => of(r).canonical)
  expect(new Set(identities).size).toBe(4)
  const said = identity(GroupAdvantage.stage({ scale: "group", stdEpsilon: 1e-4 })).canonical
  expect(identity(GroupAdvantage.stage({ scale: "group" })).canonical).toBe(said)
  expect(identity(GroupAdvantage.stage({ scale: "none" })).canonical).not.toBe(said)
})

test("the order in which options are written does not matter", () => {
  expect(identity({ a: 1, b: { d: 2, c: 3 } }).canonical).toBe(identity({ b: { c: 3, d: 2 }, a: 1 }).canonical)
})

test("what has no identity is refused", () => {
  expect(() => identity({ stage: { when: () => 1 } })).toThrow(
    new TypeError("stage.when is a function without a name and a version: wrap it in Reward.make"),
  )
  expect(() => identity({ rates: [1, Number.NaN] })).toThrow(new TypeError("rates[1] is NaN"))
})
