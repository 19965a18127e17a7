import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { stream, uniform } from "../../src/random/index.ts"
import { naturalLog } from "../../src/random/naturalLog.ts"
import { philox4x32 } from "../../src/random/philox.ts"

const hex = (words: ReadonlyArray<number>) => words.map((w) => w.toString(16).padStart(8, "0")).join(" ")

describe("philox4x32-10", () => {
  // The known answers that come with Random123.
  test.each([
    [[0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    [[0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], "408f276d 41c83b0e a20bc7c6 6d5451fd"],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], "d16cfe09 94fdcceb 5001e420 24126ea1"],
  ] as const)("known answer %#", (counter, key, answer) => {
    expect(hex(philox4x32(counter, key))).toBe(answer)
  })
})

describe("uniform", () => {
  const key = { seed: 7, step: 3, prompt: 2, completion: 1, position: 5 }

  test("every part of the key matters", () => {
    const values = new Set([uniform(key)])
    for (const part of ["seed", "step", "prompt", "completion", "position"] as const) {
      values.add(uniform({ ...key, [part]: key[part] + 1 }))
    }
    values.add(uniform({ ...key, seed: key.seed + 2 ** 32 }))
    values.add(uniform({ ...key, seed: -key.seed }))
    expect(values.size).toBe(8)
  })

  test("in [0, 1), and spread evenly", () => {
    const bins = Array.from({ length: 16 }, () => 0)
    for (let position = 0; position < 16_000; position++) {
      const u = uniform({ ...key, position })
      expect(u >= 0 && u < 1).toBe(true)
      const bin = Math.floor(u * 16)
      bins[bin] = (bins[bin] ?? 0) + 1
    }
    const chi2 = bins.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0)
    expect(chi2).toBeLessThan(37.7) // 0.999 quantile at 15 degrees of freedom
  })

  test("a seed that is no whole number is refused", () => {
    expect(() => uniform({ ...key, seed: 0.5 })).toThrow(/safe integer/)
  })
})

const draw = (seed: number, label: string) => [...stream(seed, label).uniform(4, 0, 1)]

describe("stream", () => {
  test("is a function of seed and label", () => {
    expect(draw(1, "a")).toEqual(draw(1, "a"))
    expect(draw(1, "a")).not.toEqual(draw(2, "a"))
    expect(draw(1, "a")).not.toEqual(draw(1, "b"))
  })

  test("does not meet the token numbers", () => {
    const tokens = new Set(
      Array.from({ length: 1000 }, (_, position) => uniform({ seed: 1, step: 0, prompt: 0, completion: 0, position })),
    )
    const s = stream(1, "")
    expect(Array.from({ length: 1000 }, () => s.next()).some((u) => tokens.has(u))).toBe(false)
  })

  test("normal has its mean, deviation and tails", () => {
    const n = 40_001
    const xs = stream(5, "normal").normal(n, 2, 3)
    const mean = xs.reduce((a, x) => a + x, 0) / n
    const variance = xs.reduce((a, x) => a + (x - mean) ** 2, 0) / n
    expect(Math.abs(mean - 2)).toBeLessThan(0.06)
    expect(Math.abs(Math.sqrt(variance) - 3)).toBeLessThan(0.05)
    const beyond2 = xs.filter((x) => Math.abs(x - 2) > 6).length / n
    expect(Math.abs(beyond2 - 0.0455)).toBeLessThan(0.005)
  })

  test("shuffle keeps the items, leaves its argument, and moves them", () => {
    const items = Array.from({ length: 100 }, (_, i) => i)
    const shuffled = stream(9, "shuffle").shuffle(items)
    expect(shuffled.toSorted((a, b) => a - b)).toEqual(items)
    expect(shuffled).not.toEqual(items)
    expect(items[99]).toBe(99)
  })

  test("below stays below", () => {
    const s = stream(3, "below")
    const seen = new Set(Array.from({ length: 400 }, () => s.below(7)))
    expect([...seen].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(() => s.below(0)).toThrow(/bound/)
  })
})

test("naturalLog is Math.log to an ulp or two", () => {
  fc.assert(
    fc.property(fc.double({ min: 2 ** -1000, max: 2 ** 1000, noNaN: true }), (x) => {
      expect(Math.abs(naturalLog(x) - Math.log(x))).toBeLessThanOrEqual(1e-15 + 4e-16 * Math.abs(Math.log(x)))
    }),
  )
})
