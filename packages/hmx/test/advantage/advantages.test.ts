import { readFileSync } from "node:fs"
import * as fc from "fast-check"
import { batchAdvantages, groupAdvantages, normalizeThenSum, rewardMetrics, statistics, weightedSum } from "hmx"
import { describe, expect, test } from "vitest"
import { pooled } from "../../src/advantage/statistics.ts"

const reward = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(null), fc.constantFrom(0, 0.5, 1))
const group = fc.array(reward, { minLength: 1, maxLength: 9 })
const scored = (values: ReadonlyArray<number | null>) => values.filter((v) => v !== null)
const group1 = { scale: "group", stdEpsilon: 1e-4 } as const

describe("advantages within a group", () => {
  test("unscored rewards stay unscored, and all else is a number", () => {
    fc.assert(
      fc.property(group, (rewards) => {
        const { values } = groupAdvantages(rewards, group1)
        expect(values.map((v) => v === null)).toEqual(rewards.map((r) => r === null))
        expect(scored(values).every(Number.isFinite)).toBe(true)
      }),
    )
  })

  test("they add up to nothing", () => {
    fc.assert(
      fc.property(group, (rewards) => {
        const { values } = groupAdvantages(rewards, { scale: "none", stdEpsilon: 1e-4 })
        expect(Math.abs(scored(values).reduce((a, b) => a + b, 0))).toBeLessThan(1e-5)
      }),
    )
  })

  test("they are in the order of the rewards", () => {
    fc.assert(
      fc.property(group, (rewards) => {
        const { values } = groupAdvantages(rewards, group1)
        for (const [i, a] of rewards.entries())
          for (const [j, b] of rewards.entries())
            if (a !== null && b !== null && a > b) expect(values[i] ?? 0).toBeGreaterThanOrEqual(values[j] ?? 0)
      }),
    )
  })

  test("an unscored reward changes nothing of the others", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 8 }),
        fc.nat(),
        (rewards, at) => {
          const without = groupAdvantages(rewards, group1).values
          const place = at % (rewards.length + 1)
          const more: ReadonlyArray<number | null> = [...rewards.slice(0, place), null, ...rewards.slice(place)]
          const gapped = groupAdvantages(more, group1).values
          for (const [i, v] of gapped.toSpliced(place, 1).entries()) expect(v).toBeCloseTo(without[i] ?? 0, 2)
        },
      ),
    )
  })

  test("a group without spread, and one with a single verdict, have no signal", () => {
    fc.assert(
      fc.property(fc.double({ min: -3, max: 3, noNaN: true }), fc.integer({ min: 1, max: 9 }), (r, n) => {
        const rewards = [...Array.from({ length: n }, () => r), null]
        const { std, values } = groupAdvantages(rewards, { scale: "group", stdEpsilon: 1e-12 })
        expect(std).toBe(0)
        expect(scored(values)).toEqual(Array.from({ length: n }, () => 0))
      }),
    )
    expect(groupAdvantages([null, null], group1)).toEqual({ values: [null, null], mean: 0, std: 0 })
  })

  test("the standard deviation is Bessel's", () => {
    expect(groupAdvantages([1, 2, 3, 4], group1).std).toBeCloseTo(Math.sqrt(5 / 3), 6)
  })
})

describe("advantages by the batch", () => {
  test("one deviation for all groups, from their own means", () => {
    const groups = [
      [0, 1],
      [5, 5],
    ]
    const { std } = statistics(groups.flat())
    const [first, second] = batchAdvantages(groups, { stdEpsilon: 0.1 })
    expect(first?.values[1]).toBeCloseTo(0.5 / (std + 0.1), 6)
    expect(second?.values).toEqual([0, 0])
  })

  test("statistics pooled from groups are those of all rewards", () => {
    fc.assert(
      fc.property(fc.array(group, { minLength: 1, maxLength: 5 }), (groups) => {
        const whole = statistics(groups.flat())
        const parts = pooled(groups.map(statistics))
        expect(parts.n).toBe(whole.n)
        expect(parts.mean).toBeCloseTo(whole.mean, 5)
        expect(parts.std).toBeCloseTo(whole.std, 5)
      }),
    )
  })
})

describe("several rewards", () => {
  test("a row with a gap sums what it has, or is normalised where that is asked for", () => {
    const rows = [
      [1, 1],
      [1, null],
      [null, null],
    ]
    expect(weightedSum(rows, [1, 3])).toEqual([4, 1, null])
    expect(weightedSum(rows, [1, 3], { normalise: true })).toEqual([4, 4, null])
  })
})

// Golden values that TRL's own code gave; its config names are TRL's.
interface Case {
  readonly name: string
  readonly config: {
    readonly scale_rewards?: "group" | "batch" | "none" | boolean
    readonly reward_weights?: ReadonlyArray<number>
    readonly multi_objective_aggregation?: string
  }
  readonly num_generations: number
  readonly rewards: ReadonlyArray<ReadonlyArray<number | string | null>>
  readonly advantages: ReadonlyArray<number>
  readonly metrics: { readonly [name: string]: number }
}
const golden: { readonly cases: ReadonlyArray<Case> } = JSON.parse(
  readFileSync(new URL("../fixtures/advantages.json", import.meta.url), "utf8"),
)

describe("TRL's golden values", () => {
  test.each(golden.cases.map((c) => [c.name, c] as const))("%s", (_, c) => {
    const given = c.config.scale_rewards
    const scale = given === undefined || given === true ? "group" : given === false ? "none" : given
    const rows = c.rewards.map((row) => row.map((r) => (typeof r === "number" ? r : null)))
    const weights = c.config.reward_weights ?? (rows[0] ?? []).map(() => 1)
    const groups = Array.from({ length: rows.length / c.num_generations }, (_g, i) =>
      rows.slice(i * c.num_generations, (i + 1) * c.num_generations),
    )
    const totals = groups.map((g) => weightedSum(g, weights))
    const values =
      c.config.multi_objective_aggregation === "normalize_then_sum"
        ? normalizeThenSum(groups, weights, { stdEpsilon: 1e-4 }).values
        : scale === "batch"
          ? batchAdvantages(totals, { stdEpsilon: 1e-4 }).map((g) => g.values)
          : totals.map((t) => groupAdvantages(t, { scale, stdEpsilon: 1e-4 }).values)
    const flat = values.flat().map((v) => v ?? 0)
    expect(flat.length).toBe(c.advantages.length)
    for (const [i, v] of flat.entries()) expect(Math.abs(v - (c.advantages[i] ?? Number.NaN))).toBeLessThanOrEqual(1e-6)
    for (const [name, value] of Object.entries(rewardMetrics(totals.map(statistics), scale)))
      expect(Math.abs(value - (c.metrics[name] ?? Number.NaN))).toBeLessThanOrEqual(1e-6)
  })
})
