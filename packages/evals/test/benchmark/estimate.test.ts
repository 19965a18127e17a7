import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { estimate, interval95, mean, ratio } from "../../src/index.ts"
import { mean as plainMean } from "../../src/statistics.ts"

const acc = mean("acc", true)
const outcomes = (values: ReadonlyArray<number>, cluster?: (i: number) => string) =>
  values.map((value, i) => ({
    id: String(i),
    values: { acc: value },
    ...(cluster === undefined ? {} : { cluster: cluster(i) }),
  }))
const values = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 2, maxLength: 40 })

describe("estimate", () => {
  it("of a mean over independent items is the sample standard deviation / √n", () => {
    fc.assert(
      fc.property(values, (xs) => {
        const found = estimate(acc, outcomes(xs))
        const wanted = plainMean(xs)
        expect(found.value).toBeCloseTo(wanted.value, 9)
        expect(found.stderr).toBeCloseTo(wanted.stderr, 9)
        expect(found.n).toBe(xs.length)
      }),
    )
  })

  it("does not depend on the items' order", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 5 }), (xs, size) => {
        const all = outcomes(xs, (i) => String(i % size))
        const [a, b] = [estimate(acc, all), estimate(acc, all.toReversed())]
        expect(b.value).toBeCloseTo(a.value, 9)
        expect(b.stderr).toBeCloseTo(a.stderr, 9)
      }),
    )
  })

  it("takes clusters whole: doubled items are no new information", () => {
    const once = estimate(acc, outcomes([1, 0, 0, 1, 1]))
    const twice = estimate(
      acc,
      outcomes([1, 0, 0, 1, 1, 1, 0, 0, 1, 1], (i) => String(i % 5)),
    )
    expect(twice.value).toBe(0.6)
    expect(twice.stderr).toBeCloseTo(once.stderr, 12)
    expect(once.stderr).toBeCloseTo(Math.sqrt(0.3 / 5), 12)
    expect([twice.n, twice.clusters]).toEqual([10, 5])
  })

  it("leaves out items that do not have the figure, and has no spread of one", () => {
    expect(estimate(acc, [...outcomes([1]), { id: "x", values: {} }])).toEqual({
      value: 1,
      stderr: 0,
      n: 1,
      clusters: 1,
    })
    expect(estimate(acc, [{ id: "x", values: {} }]).value).toBeNaN()
  })

  it("of a ratio counts parts, not items", () => {
    const found = estimate(ratio("r", true, "over", "under"), [
      { id: "a", values: { over: 1, under: 1 } },
      { id: "b", values: { over: 0, under: 3 } },
    ])
    expect(found.value).toBe(0.25)
    expect(found.n).toBe(4)
    // Without a: 0; without b: 1. Jackknife: √(1/2 · (1/4 + 1/4)).
    expect(found.stderr).toBeCloseTo(0.5, 12)
  })

  it("has a normal 95 % interval", () => {
    const { high, low } = interval95({ value: 0.5, stderr: 0.1 })
    expect(low).toBeCloseTo(0.304, 3)
    expect(high).toBeCloseTo(0.696, 3)
  })
})
