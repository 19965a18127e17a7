/** Sides of a comparison, cut down to what they have in common. */
import type { EvaluatedTask, Evaluation } from "@hmx/report"
import * as Result from "effect/Result"
import type { ItemRecord } from "hmx"
import { describe, expect, it } from "vitest"
import { inCommon } from "../src/eval/inCommon.ts"

const item = (id: string, acc: number, asked = `${id}?`): ItemRecord => ({
  id,
  values: { acc },
  answer: { kind: "scores", scores: [-1, -2] },
  asked,
})
const long = (id: string): ItemRecord => ({ id, tooLong: true, tokens: 900 })

const name = "truthfulqa_mc1"
const measure = { task: name, metric: "acc", value: 0.5, stderr: 0.1, n: 9, higherIsBetter: true }
const task = (records: ReadonlyArray<ItemRecord>, more: Partial<EvaluatedTask> = {}): EvaluatedTask => ({
  name,
  version: 2,
  shots: 0,
  data: [],
  measures: [measure],
  records,
  ...more,
})
const side = (named: string, ...tasks: ReadonlyArray<EvaluatedTask>) => {
  const evaluation: Evaluation = {
    model: { name: "m", digest: "d" },
    adapter: null,
    engine: { name: "tfjs", version: "1", device: "cpu", dtype: "float32" },
    seed: 0,
    limit: null,
    sample: null,
    started: null,
    seconds: null,
    step: null,
    hmx: "0",
    tasks,
  }
  return { name: named, evaluation }
}
const two = (a: EvaluatedTask, b: EvaluatedTask) => inCommon([side("before", a), side("human", b)])
const refused = (a: EvaluatedTask, b: EvaluatedTask): string => {
  const found = two(a, b)
  return Result.isFailure(found) ? found.failure.message : "taken"
}

describe("inCommon", () => {
  it("leaves sides with the same items as they are", () => {
    const sides = [side("before", task([item("a", 1), long("b")])), side("human", task([item("a", 0), long("b")]))]
    expect(Result.getOrThrow(inCommon(sides))).toEqual({ sides, cuts: [] })
  })

  it("takes figures over the items that all have answered, whatever the sides are called", () => {
    const sides = [
      side("before", task([item("a", 1), item("b", 0), item("c", 0)])),
      side("before", task([item("a", 0), item("b", 0), long("c")])),
    ]
    const found = Result.getOrThrow(inCommon(sides))
    const figures = found.sides.map(({ evaluation }) =>
      evaluation.tasks.map(({ measures }) => measures.map(({ metric, n, value }) => [metric, value, n])),
    )
    expect(figures).toEqual([
      [
        [
          ["acc", 0.5, 2],
          ["too_long", 0, 2],
        ],
      ],
      [
        [
          ["acc", 0, 2],
          ["too_long", expect.closeTo(1 / 3, 9), 3],
        ],
      ],
    ])
    const had = [
      { name: "before", items: 3 },
      { name: "before", items: 2 },
    ]
    expect(found.cuts).toEqual([{ task: name, items: 2, sides: had }])
  })

  it("takes a task that is no benchmark by the figures that its records hold", () => {
    const own = (...records: ReadonlyArray<ItemRecord>) =>
      task(records, { name: "held_out/warm", version: null, measures: [{ ...measure, task: "held_out/warm" }] })
    const found = Result.getOrThrow(two(own(item("a", 1), item("b", 0)), own(item("a", 0.25))))
    expect(found.sides.map(({ evaluation }) => evaluation.tasks[0]?.measures)).toEqual([
      [{ ...measure, task: "held_out/warm", value: 1, stderr: 0, n: 1 }],
      [{ ...measure, task: "held_out/warm", value: 0.25, stderr: 0, n: 1 }],
    ])
  })

  it("leaves a task that a side lacks to be named", () => {
    const sides = [
      side("before", task([item("a", 1)]), task([], { name: "mmlu" })),
      side("human", task([item("a", 1)])),
    ]
    expect(Result.getOrThrow(inCommon(sides)).sides).toEqual(sides)
  })

  it.each<readonly [string, EvaluatedTask, EvaluatedTask]>([
    [
      "other data in human than in before",
      task([item("a", 1)], { data: [{ name: "x", sha256: "1" }] }),
      task([item("a", 1)], { data: [{ name: "x", sha256: "2" }] }),
    ],
    ["another version in human than in before", task([item("a", 1)]), task([item("a", 1)], { version: 3 })],
    ["other solved examples in human than in before", task([item("a", 1)]), task([item("a", 1)], { shots: 5 })],
    ["item a asked in other words", task([item("a", 1)]), task([item("a", 1, "A, then?")])],
    ["no item that all sides have answered", task([item("a", 1)]), task([item("b", 1)])],
    [
      "other numbers of items, and no records of human",
      task([item("a", 1)]),
      task([], { measures: [{ ...measure, n: 8 }] }),
    ],
  ])("refuses %s", (found, a, b) => {
    expect(refused(a, b)).toContain(`task ${name}: found ${found}; expected `)
  })

  it("takes what is not known of a run's task for the same", () => {
    const of = task([item("a", 1)], { version: null, shots: null })
    const known = task([item("a", 0)], { shots: 5, data: [{ name: "x", sha256: "1" }] })
    expect(refused(of, known)).toBe("taken")
  })
})
