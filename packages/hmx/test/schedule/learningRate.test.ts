import * as fc from "fast-check"
import { learningRate } from "hmx"
import { expect, test } from "vitest"

const options = fc.record({
  schedule: fc.constantFrom("constant" as const, "linear" as const, "cosine" as const),
  learningRate: fc.double({ min: 1e-6, max: 1, noNaN: true }),
  warmupSteps: fc.integer({ min: 0, max: 10 }),
  steps: fc.integer({ min: 1, max: 40 }),
})
const all = (o: { readonly steps: number } & Parameters<typeof learningRate>[0]) =>
  Array.from({ length: o.steps }, (_, i) => learningRate(o, i + 1))

test("every update of a run has a rate above 0, and at most the full one", () => {
  fc.assert(
    fc.property(options, (o) => {
      for (const rate of all(o)) {
        expect(rate).toBeGreaterThan(0)
        expect(rate).toBeLessThanOrEqual(o.learningRate)
      }
    }),
  )
})

test("it rises over the warm-up to the full rate, and never after it", () => {
  fc.assert(
    fc.property(options, (o) => {
      const rates = all(o)
      for (const [i, rate] of rates.entries()) {
        const before = rates[i - 1]
        if (before === undefined) continue
        if (i < o.warmupSteps) expect(rate).toBeGreaterThan(before)
        else if (i > o.warmupSteps) expect(rate).toBeLessThanOrEqual(before)
      }
      if (o.warmupSteps > 0 && o.warmupSteps <= o.steps) expect(rates[o.warmupSteps - 1]).toBe(o.learningRate)
    }),
  )
})

const six = (schedule: "linear" | "cosine" | "constant") =>
  all({ schedule, learningRate: 1, warmupSteps: 2, steps: 6 }).map((rate) => rate.toFixed(6))

test("transformers' figures: get_linear and get_cosine_schedule_with_warmup, 6 updates of which 2 warm up", () => {
  // Theirs are 0 and 1/2 in the warm-up; ours 1/2 and 1, so that the first update moves something. After it they are the same.
  expect(six("linear")).toEqual(["0.500000", "1.000000", "1.000000", "0.750000", "0.500000", "0.250000"])
  expect(six("cosine")).toEqual(["0.500000", "1.000000", "1.000000", "0.853553", "0.500000", "0.146447"])
  expect(six("constant")).toEqual(["0.500000", "1.000000", "1.000000", "1.000000", "1.000000", "1.000000"])
})

test("a warm-up of one is the full rate from the first update on", () => {
  expect(learningRate({ schedule: "constant", learningRate: 5e-3, warmupSteps: 1, steps: 20 }, 1)).toBe(5e-3)
})
