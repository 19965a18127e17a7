import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { subset } from "../../src/index.ts"
import { checkSubset } from "../../src/benchmark/subset.ts"

const items = Array.from({ length: 200 }, (_, i) => ({ id: String(i) }))
const ids = (some: ReadonlyArray<{ readonly id: string }>) => some.map(({ id }) => Number(id))

describe("subset", () => {
  it("is all items, the first n, or n from the whole file in its order", () => {
    expect(subset("bbq", items, {})).toEqual(items)
    expect(ids(subset("bbq", items, { limit: 3 }))).toEqual([0, 1, 2])
    const drawn = ids(subset("bbq", items, { sample: 20 }))
    expect(new Set(drawn).size).toBe(20)
    expect(drawn).toEqual(drawn.toSorted((a, b) => a - b))
    // Twenty of 200 that all were of one half would be no draw from the whole.
    for (const half of [0, 100]) expect(drawn.filter((i) => i >= half && i < half + 100).length).toBeGreaterThan(3)
  })

  it("is the same whatever else is in the file's order, holds every smaller one, and is another of another benchmark", () => {
    const order = fc.shuffledSubarray(items, { minLength: items.length })
    fc.assert(
      fc.property(order, fc.integer({ min: 1, max: 250 }), fc.integer({ min: 1, max: 250 }), (mixed, a, b) => {
        const [few, many] = [
          subset("bbq", items, { sample: Math.min(a, b) }),
          subset("bbq", mixed, { sample: Math.max(a, b) }),
        ]
        expect(many).toHaveLength(Math.min(200, Math.max(a, b)))
        for (const { id } of few) expect(many.some((one) => one.id === id)).toBe(true)
      }),
    )
    expect(ids(subset("mmlu", items, { sample: 20 }))).not.toEqual(ids(subset("bbq", items, { sample: 20 })))
  })

  it("is refused of no whole number of at least 1, and of both numbers", () => {
    for (const n of [0, -1, 1.5, Number.NaN]) {
      expect(() => checkSubset({ limit: n })).toThrow("limit must be a whole number of at least 1")
      expect(() => checkSubset({ sample: n })).toThrow("sample must be a whole number of at least 1")
    }
    expect(() => checkSubset({ limit: 2, sample: 2 })).toThrow("exclude each other")
  })
})
