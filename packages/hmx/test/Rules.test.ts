/** What no type can see: a pipeline that is not finished, and times at which nothing is measured. */
import { Evaluate, Experiment, type Stage, type When } from "hmx"
import { expect, test } from "vitest"
import { advantage, bbq, heldOut, judge, live, sample, start, update } from "../fixtures/mistakes/parts.ts"

const sentences = (experiment: Experiment.Any) => Experiment.problems(experiment).map((p) => p.sentence)

test("an experiment without stages, or without training, is no experiment", () => {
  const empty = [
    { stage: "the experiment", index: 0, sentence: "✗ reverse has no stages: pipe it through Sample, …, Evaluate" },
  ]
  expect(Experiment.problems(start)).toEqual(empty)
  expect(Experiment.problems(start.pipe())).toEqual(empty)
  expect(Experiment.problems(start.pipe(sample, judge))).toEqual([
    {
      stage: "the experiment",
      index: 2,
      sentence: "✗ reverse has no stage that trains the policy: add LoRAUpdate, and an Evaluate after it",
    },
  ])
})

/** The parts' experiments have 40 steps. */
const never = `✗ Evaluate measures after none of the 40 updates: add "after" to its when`
const held = (...when: ReadonlyArray<When>) => Evaluate.stage({ tasks: [heldOut], when })
const plain = (...when: ReadonlyArray<When>) => Evaluate.stage({ tasks: [bbq], when })

test("an Evaluate that is due after no update measures nothing of the training", () => {
  const of = (...when: ReadonlyArray<When>) => sentences(start.pipe(sample, live, advantage, update, held(...when)))
  expect(of({ every: 41 })).toEqual([never])
  expect(of("before")).toEqual([never])
  expect(of("before", { every: 41 })).toEqual([never])
  expect(of({ every: 40 })).toEqual([])
  expect(of("after")).toEqual([])
  expect(sentences(start.pipe(sample, judge, advantage, update, plain("before")))).toEqual([never])
})

const two = (read: Stage.Any, first: Stage.Any, second: Stage.Any) =>
  sentences({ ...start, stages: [sample, read, advantage, update, first, second] })

test("what one Evaluate leaves out another may measure, and a live judge's debt only one with a held-out judge", () => {
  expect(two(live, plain("before"), held("after"))).toEqual([])
  expect(two(live, held("before"), held("after"))).toEqual([])
  expect(two(live, plain("after"), held("before"))).toEqual([never])
  expect(two(judge, plain("after"), held("before"))).toEqual([])
  // Never at all is a mistake, whoever else measures.
  expect(two(judge, plain({ every: 41 }), held("after"))).toEqual([never])
})
