import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { mean, pairedBootstrap } from "../../src/index.ts"

const acc = mean("acc", true)
const arm = (values: ReadonlyArray<number>) => values.map((value, i) => ({ id: String(i), values: { acc: value } }))
const bits = fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 4, maxLength: 20 })

describe("pairedBootstrap", () => {
  it("says the same for the same seed, whatever the order, and something else for another seed", () => {
    const a = arm([0, 1, 0, 1, 1, 0, 0, 1, 0, 1])
    const b = arm([1, 1, 0, 1, 0, 1, 1, 1, 0, 1])
    const found = pairedBootstrap(acc, a, b, { seed: 3 })
    expect(pairedBootstrap(acc, a.toReversed(), b, { seed: 3 })).toEqual(found)
    expect(pairedBootstrap(acc, a, b, { seed: 4 })).not.toEqual(found)
    expect(found?.value).toBeCloseTo(0.2, 12)
    // Differences 1, 0, 0, 0, -1, 1, 1, 0, 0, 0: standard deviation over resamples √(Σ(d − 0.2)² / 10 / 10).
    expect(found?.stderr).toBeCloseTo(0.19, 1)
  })

  it("turns its sign with the arms, and holds its value between its bounds", () => {
    fc.assert(
      fc.property(bits, fc.integer(), (xs, seed) => {
        const a = arm(xs)
        const b = arm(xs.map((x, i) => (i % 3 === 0 ? 1 - x : x)))
        const there = pairedBootstrap(acc, a, b, { seed, resamples: 300 })
        const back = pairedBootstrap(acc, b, a, { seed, resamples: 300 })
        expect(back?.value).toBeCloseTo(-(there?.value ?? Number.NaN), 12)
        expect(back?.low).toBeCloseTo(-(there?.high ?? Number.NaN), 9)
        expect(there?.p).toBeGreaterThan(0)
        expect(there?.p).toBeLessThanOrEqual(1)
      }),
      { numRuns: 20 },
    )
  })

  it("finds no spread where the difference is the same everywhere, and is sure of it", () => {
    const found = pairedBootstrap(acc, arm([0, 1, 2, 3]), arm([1, 2, 3, 4]), { resamples: 999 })
    // Of four clusters that all agree a test by their signs cannot say more than this.
    expect(found).toMatchObject({ low: 1, high: 1, p: 0.125 })
    expect(found?.stderr).toBeCloseTo(0, 12)
  })

  it("pairs by id, and needs two clusters", () => {
    const a = arm([0, 0, 0])
    expect(pairedBootstrap(acc, a, arm([1]))).toBeUndefined()
    expect(pairedBootstrap(acc, a, [...arm([1, 1]), { id: "other", values: { acc: -9 } }])?.value).toBe(1)
  })
})
