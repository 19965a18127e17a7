import * as Effect from "effect/Effect"
import { Artefact, Evaluate, Stage, Step, type Task } from "hmx"
import { expect, test } from "vitest"
import { policy, scripted } from "../scripted.ts"

const task = (name: string, value: number): Task.Task<"benchmark"> => ({
  kind: "benchmark",
  name,
  version: 1,
  options: {},
  run: Effect.map(Effect.service(Step), ({ step }) => ({
    measures: [{ task: name, metric: "acc", value: value + step, stderr: 0, n: 1, higherIsBetter: true }],
    answers: [{ question: "q", answer: name }],
  })),
})

test("measures one task after another", async () => {
  const stage = Evaluate.stage({ tasks: [task("a", 0.5), task("b", 0.25)] })
  const input = { policy: new Artefact.Policy({ ref: policy, updated: true, metrics: {} }) }
  const report = await Effect.runPromise(Stage.run(stage, input).pipe(Effect.provide(scripted().layer)))
  expect(report).toMatchObject({
    policy,
    measures: [
      { task: "a", value: 4.5 },
      { task: "b", value: 4.25 },
    ],
    answers: [
      { question: "q", answer: "a" },
      { question: "q", answer: "b" },
    ],
  })
})

const due = (when?: ReadonlyArray<"before" | "after" | { readonly every: number }>) => {
  const { options } = Evaluate.stage({ tasks: [task("a", 1)], when })
  return Array.from({ length: 7 }, (_, step) => step).filter((step) => Evaluate.due(options, step, 6))
}

test("is due when it says", () => {
  expect(due()).toEqual([0, 6])
  expect(due(["after"])).toEqual([6])
  expect(due([{ every: 2 }])).toEqual([2, 4, 6])
  expect(due(["before", { every: 4 }])).toEqual([0, 4])
})

test("what its options cannot be is said when it is made", () => {
  expect(() => Evaluate.stage({ tasks: [] })).toThrow(new RangeError("Evaluate needs at least one task"))
  expect(() => Evaluate.stage({ tasks: [task("a", 1), task("a", 2)] })).toThrow(new RangeError("Evaluate has a twice"))
  expect(() => Evaluate.stage({ tasks: [task("a", 1)], when: [{ every: 0 }] })).toThrow(
    new RangeError("every must be a whole number of at least 1, not 0"),
  )
  expect(() => Evaluate.stage({ tasks: [task("a", 1)], when: [] })).toThrow(RangeError)
})
