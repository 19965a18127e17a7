import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { draw } from "../src/Draw.ts"

const setting = fc.record({
  n: fc.integer({ min: 1, max: 40 }),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  seed: fc.nat(),
})
const perStepOf = ({ n, share }: { readonly n: number; readonly share: number }) => 1 + Math.floor(share * (n - 1))
const items = (n: number) => Array.from({ length: n }, (_, i) => i)

const epoch = (seed: number, number: number) => draw(items(50), 50, seed, number).join()

describe("draw", () => {
  it("draws perStep different prompts, and none twice in an epoch", () => {
    fc.assert(
      fc.property(setting, fc.nat({ max: 5 }), ({ n, seed, share }, epoch) => {
        const perStep = perStepOf({ n, share })
        const steps = Math.floor(n / perStep)
        const drawn = items(steps).map((i) => draw(items(n), perStep, seed, epoch * steps + i + 1))
        expect(drawn.every((step) => step.length === perStep)).toBe(true)
        expect(new Set(drawn.flat()).size).toBe(steps * perStep)
      }),
    )
  })

  it("is another order in the next epoch, and under another seed", () => {
    const orders = [1, 2, 3].flatMap((number) => [7, 8, 9].map((seed) => epoch(seed, number)))
    expect(new Set(orders).size).toBe(9)
    expect(epoch(7, 1)).toBe(epoch(7, 1))
  })

  it("puts every prompt everywhere equally often", () => {
    const counts = items(5).map(() => items(5).map(() => 0))
    const rounds = 5000
    for (let seed = 0; seed < rounds; seed++) {
      draw(items(5), 5, seed, 1).forEach((item, place) => {
        const row = counts[item] ?? []
        row[place] = (row[place] ?? 0) + 1
      })
    }
    // χ² with 16 degrees of freedom is above 45 once in ten thousand times.
    const expected = rounds / 5
    expect(counts.flat().reduce((sum, c) => sum + (c - expected) ** 2 / expected, 0)).toBeLessThan(45)
  })
})
