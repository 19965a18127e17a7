import * as fc from "fast-check"
import { edits, nearest } from "hmx"
import { describe, expect, it } from "vitest"

const word = fc.string({ maxLength: 8 })

describe("a misspelled name", () => {
  it("is its own, a letter away, or two whose letters changed places", () => {
    expect([edits("bbq", "BBQ"), edits("bqb", "bbq"), edits("steps", "step"), edits("loss", "lose")]).toEqual([
      0, 1, 1, 1,
    ])
    expect([edits("", "rank"), edits("kitten", "sitting")]).toEqual([4, 3])
  })

  it("is as far there as back, and never farther than all letters", () =>
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(edits(a, b)).toBe(edits(b, a))
        expect(edits(a, b)).toBeLessThanOrEqual(Math.max(a.toLowerCase().length, b.toLowerCase().length))
        expect(edits(a, b) === 0).toBe(a.toLowerCase() === b.toLowerCase())
      }),
    ))

  it("means the nearest name, and none where a third of it is wrong", () => {
    const names = ["temperature", "groupSize", "topK"]
    expect(nearest("tempreture", names)).toBe("temperature")
    expect(nearest("colour", names)).toBeUndefined()
    expect(nearest("x".repeat(100_000), names)).toBeUndefined()
    expect(nearest("any", [])).toBeUndefined()
  })
})
