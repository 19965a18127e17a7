import type { Artefact } from "hmx"
import { describe, expect, it } from "vitest"
import { compare } from "../../src/index.ts"

const measure = (metric: string, value: number, higherIsBetter: boolean | null = true): Artefact.Measure => ({
  task: "t",
  metric,
  value,
  stderr: 0,
  n: 1,
  higherIsBetter,
})

describe("compare", () => {
  it("gives changes in percent, and the two shares of the paper", () => {
    const metrics = ["a", "b", "c", "d", "e"]
    const before = metrics.map((metric) => measure(metric, 0.5))
    const arm = (...values: ReadonlyArray<number>) => values.map((value, i) => measure(metrics[i] ?? "", value))
    // Changes: +10, −1, −2, −20, 0 percent.
    const { rows, shares } = compare(before, {
      human: arm(0.55, 0.495, 0.49, 0.4, 0.5),
      reverse: arm(0.5, 0.5, 0.5, 0.5, 0.5),
    })
    expect(rows.map(({ arms }) => arms["human"]?.percent)).toEqual(
      [10, -1, -2, -20, 0].map((x) => expect.closeTo(x, 9)),
    )
    expect(shares["human"]).toEqual({ judged: 5, improved: 20, improvedOrWithin2: 60, worseThan10: 20 })
    expect(shares["reverse"]).toEqual({ judged: 5, improved: 0, improvedOrWithin2: 100, worseThan10: 0 })
  })

  it("turns the gain where less is better, and for bias where nearer to 0 is", () => {
    const before = [measure("rate", 0.8, false), measure("amb_bias_score", -0.2, null), measure("words", 10, null)]
    const after = [measure("rate", 0.4, false), measure("amb_bias_score", 0.1, null), measure("words", 5, null)]
    const { rows, shares } = compare(before, { human: after })
    expect(rows.map(({ arms, better }) => [better, arms["human"]?.gain])).toEqual([
      ["lower", expect.closeTo(50, 9)],
      ["zero", expect.closeTo(50, 9)],
      [null, undefined],
    ])
    expect(rows[1]?.arms["human"]?.percent).toBeCloseTo(150, 9)
    expect(shares["human"]?.judged).toBe(2)
  })

  it("has no percent of nothing, and no row that an arm lacks, but its name", () => {
    const { leftOut, rows } = compare([measure("a", 0), measure("b", 1)], {
      human: [measure("a", 1), measure("c", 1)],
      reverse: [measure("a", 0), measure("b", 1)],
    })
    expect(rows).toEqual([
      {
        task: "t",
        metric: "a",
        better: "higher",
        headline: true,
        before: 0,
        stderr: 0,
        n: 1,
        arms: {
          human: { value: 1, stderr: 0, n: 1, percent: undefined, gain: Number.POSITIVE_INFINITY },
          reverse: { value: 0, stderr: 0, n: 1, percent: 0, gain: 0 },
        },
      },
    ])
    expect(leftOut).toEqual([
      { task: "t", metric: "b" },
      { task: "t", metric: "c" },
    ])
  })

  it("counts a change away from 0 in both shares, so that every arm is judged by the same figures", () => {
    const before = [measure("bias", 0, null), measure("acc", 0), measure("rate", 0, false), measure("same", 0)]
    const arm = (bias: number, acc: number, rate: number) => [
      measure("bias", bias, null),
      measure("acc", acc),
      measure("rate", rate, false),
      measure("same", 0),
    ]
    const { rows, shares } = compare(before, { human: arm(-0.9, 0.1, 0.2), reverse: arm(0, 0, 0) })
    expect(rows.map(({ arms }) => arms["human"]?.percent)).toEqual([undefined, undefined, undefined, 0])
    expect(shares["human"]).toEqual({ judged: 4, improved: 25, improvedOrWithin2: 50, worseThan10: 50 })
    expect(shares["reverse"]).toEqual({ judged: 4, improved: 0, improvedOrWithin2: 100, worseThan10: 0 })
  })

  it.each([
    [100, 98],
    [0.5, 0.49],
    [0.7, 0.686],
    [0.3, 0.294],
  ])("does not count exactly 2 %% as less than 2 %% worse: %d, then %d", (before, after) => {
    const { shares } = compare([measure("a", before)], { human: [measure("a", after)] })
    expect(shares["human"]).toMatchObject({ improvedOrWithin2: 0, worseThan10: 0 })
    const nearly = compare([measure("a", before)], { human: [measure("a", after * 1.00001)] })
    expect(nearly.shares["human"]).toMatchObject({ improvedOrWithin2: 100 })
  })

  it.each([
    [10, 9],
    [0.5, 0.45],
    [0.7, 0.63],
    [0.3, 0.27],
  ])("does not count exactly 10 %% as more than 10 %% worse: %d, then %d", (before, after) => {
    const { shares } = compare([measure("a", before)], { human: [measure("a", after)] })
    expect(shares["human"]).toMatchObject({ improvedOrWithin2: 0, worseThan10: 0 })
    const more = compare([measure("a", before)], { human: [measure("a", after * 0.99999)] })
    expect(more.shares["human"]).toMatchObject({ worseThan10: 100 })
  })
})
