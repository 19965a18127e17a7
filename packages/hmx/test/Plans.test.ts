import * as Effect from "effect/Effect"
import { contrast, Experiment, Reward, seeds, Stage, sweep } from "hmx"
import { expect, test } from "vitest"
import { humanLike } from "../../../rubrics/human-like.ts"
import { advantage, bbq, live, measured, sample, start, update } from "../fixtures/mistakes/parts.ts"
import { scripted } from "./scripted.ts"

const experiment = start.pipe(sample, live, advantage, update, measured)
const option = (x: Experiment.Any, stage: number, name: string): unknown =>
  Object.entries(x.stages[stage]?.options ?? {}).find(([key]) => key === name)?.[1]

test("the arms of a contrast differ in the reward alone", () => {
  const { arms } = contrast(experiment, {
    human: (e) => e.reward(humanLike),
    reverse: (e) => e.reward(humanLike.reversed()),
  })
  expect(Object.keys(arms)).toEqual(["human", "reverse"])
  expect([arms.human.name, arms.reverse.name]).toEqual(["reverse/human", "reverse/reverse"])
  expect(option(arms.human, 1, "rubric")).toMatchObject({ reverse: false })
  expect(option(arms.reverse, 1, "rubric")).toMatchObject({ reverse: true })
  for (const i of [0, 2, 3, 4]) expect(arms.human.stages[i]).toBe(arms.reverse.stages[i])
  expect(arms.human.settings).toBe(experiment.settings)
  expect(Experiment.problems(arms.human)).toEqual([])
})

test("a sweep is one experiment a combination", () => {
  const { points } = sweep(experiment, { learningRate: [1e-5, 1e-4], rank: [8, 16], "Sample.temperature": [0.7, 1] })
  expect(points.map((x) => [option(x, 3, "learningRate"), option(x, 3, "rank"), option(x, 0, "temperature")])).toEqual([
    [1e-5, 8, 0.7],
    [1e-5, 8, 1],
    [1e-5, 16, 0.7],
    [1e-5, 16, 1],
    [1e-4, 8, 0.7],
    [1e-4, 8, 1],
    [1e-4, 16, 0.7],
    [1e-4, 16, 1],
  ])
})

test("a sweep reaches an option that the pipeline left to its default", () => {
  const { points } = sweep(experiment, { topP: [0.9], microBatchGroups: [2] })
  expect(points.map((x) => [option(x, 0, "topP"), option(x, 3, "microBatchGroups")])).toEqual([[0.9, 2]])
})

test("what follows from a swept option follows it", () => {
  const made = sweep(experiment, { rank: [4, 8] }).points.map((x) => {
    const { asked, layer } = scripted()
    const [prepare] = x.stages.flatMap((stage) => Stage.prepare(stage) ?? [])
    if (prepare !== undefined) Effect.runSync(prepare.pipe(Effect.provide(layer)))
    return asked.adapters.map(([, options]) => options)
  })
  expect(made).toMatchObject([[{ rank: 4, alpha: 8 }], [{ rank: 8, alpha: 16 }]])
})

test("a swept stage is checked as one that is written", () => {
  expect(() => sweep(experiment, { groupSize: [8, 1] })).toThrow(
    new RangeError("groupSize must be a whole number of at least 2, not 1"),
  )
})

test("the rules run on the values of a sweep: tasks without a held-out judge, a judge that becomes live", () => {
  const [without] = sweep(experiment, { tasks: [[bbq]] }).points
  expect(without && Experiment.problems(without)).toEqual([
    {
      stage: "Evaluate",
      index: 4,
      sentence:
        "✗ Evaluate has no held-out judge, and SelfJudge judges with the policy that it trains: add heldOut(a rubric, …) to its tasks",
    },
  ])
  const [frozen] = sweep(experiment, { judge: ["live"], tasks: [[bbq]] }).points
  expect(frozen?.stages[1]?.owes).toBe("held-out judge")
})

test("seeds follow each other", () => {
  expect(seeds(experiment, 3).points.map((x) => x.settings.seed)).toEqual([7, 8, 9])
  expect(() => seeds(experiment, 0)).toThrow(new RangeError("seeds must be a whole number of at least 1, not 0"))
})

test("a mix is a reward like any other", () => {
  const brief = Reward.make("brevity", {
    version: 1,
    options: { most: 80 },
    score: (c, o) => Math.min(1, o.most / c.tokens),
  })
  const { arms } = contrast(experiment, { mixed: (e) => e.reward(Reward.mix([0.8, humanLike], [0.2, brief])) })
  expect(option(arms.mixed, 1, "rubric")).toMatchObject({ name: "0.8 human-like + 0.2 brevity" })
})
