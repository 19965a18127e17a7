import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type LossInputs, type LossRow, policyLoss, type PolicyLossOptions } from "../../src/loss/index.ts"
import { lossKinds } from "../../src/loss/kinds/index.ts"

type Row = {
  readonly logprobs: ReadonlyArray<number>
  readonly oldLogprobs: ReadonlyArray<number>
  readonly refLogprobs: ReadonlyArray<number>
  readonly entropies: ReadonlyArray<number>
  readonly mask: ReadonlyArray<number>
  readonly advantage: number
}

const between = (min: number, max: number) => fc.double({ min, max, noNaN: true })

const token = fc.record({
  logprob: between(-4, -0.01),
  drift: between(-0.8, 0.8),
  ref: between(-0.8, 0.8),
  entropy: between(0, 3),
  masked: fc.boolean(),
})

const row: fc.Arbitrary<Row> = fc
  .record({ advantage: between(-2, 2), tokens: fc.array(token, { minLength: 1, maxLength: 6 }) })
  .map(({ advantage, tokens }) => ({
    advantage,
    logprobs: tokens.map((t) => t.logprob),
    oldLogprobs: tokens.map((t) => t.logprob + t.drift),
    refLogprobs: tokens.map((t) => t.logprob + t.ref),
    entropies: tokens.map((t) => t.entropy),
    mask: tokens.map((t) => (t.masked ? 0 : 1)),
  }))

const rows = fc.array(row, { minLength: 1, maxLength: 4 })

const options: fc.Arbitrary<PolicyLossOptions> = fc.record({
  loss: fc.constantFrom("grpo", "dapo", "bnpo", "dr_grpo", "gspo", "cispo", "sapo", "luspo", "vespo"),
  beta: fc.constantFrom(0, 0.04, 0.5),
  epsilon: fc.constantFrom(0.1, 0.2),
  epsilonHigh: fc.constantFrom(0.2, 0.28, 1.3),
  delta: fc.constantFrom(1.25, 4),
  biasCorrectionKl: fc.boolean(),
  importanceSampling: fc.constantFrom("token", "sequence"),
  topEntropyQuantile: fc.constantFrom(0.4, 1),
  offPolicyMaskThreshold: fc.constantFrom(0.05, 10),
  entropyCoef: fc.constantFrom(0, 0.01),
})

const inputs = (list: ReadonlyArray<LossRow>, more: Partial<LossInputs> = {}): LossInputs => ({
  rows: list,
  maxCompletionLength: 8,
  ...more,
})

const flat = (list: ReadonlyArray<Float64Array>) => list.flatMap((x) => [...x])

const close = (found: ReadonlyArray<number>, expected: ReadonlyArray<number>, bound: number) => {
  expect(found.length).toBe(expected.length)
  for (const [i, x] of found.entries()) expect(Math.abs(x - (expected[i] ?? Number.NaN))).toBeLessThanOrEqual(bound)
}

/** The weights of cispo and vespo carry no gradient, so a difference of losses is not theirs: they have a test of their own. */
const withoutFrozenWeights = (o: PolicyLossOptions) => o.loss !== "cispo" && o.loss !== "vespo"

describe("policyLoss", () => {
  test("there is a kind for every name, and no other", () => {
    expect(Object.keys(lossKinds).toSorted()).toEqual(
      ["bnpo", "cispo", "dapo", "dr_grpo", "gspo", "grpo", "luspo", "sapo", "vespo"].toSorted(),
    )
  })

  test("the gradient is that of finite differences, away from the kinks of the clip", () => {
    const h = 1e-6
    fc.assert(
      fc.property(options.filter(withoutFrozenWeights), rows, (o, list) => {
        // A step across an edge (of the clip, the cap, the off-policy mask) has no derivative.
        const near = { ...o, offPolicyMaskThreshold: o.offPolicyMaskThreshold === 0.05 ? -100 : 100 }
        const given = policyLoss(near, inputs(list))
        for (const [i, r] of list.entries()) {
          for (let t = 0; t < r.logprobs.length; t++) {
            const at = (step: number) => {
              const moved = list.map((x, j) =>
                j === i ? { ...x, logprobs: x.logprobs.map((y, k) => (k === t ? y + step : y)) } : x,
              )
              return policyLoss(near, inputs(moved)).loss
            }
            const central = (at(h) - at(-h)) / (2 * h)
            const left = (given.loss - at(-h)) / h
            const right = (at(h) - given.loss) / h
            if (Math.abs(left - right) > 1e-4) continue
            expect(Math.abs((given.gradient[i]?.[t] ?? Number.NaN) - central)).toBeLessThan(1e-6)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test.each(["cispo", "vespo"] as const)("%s: the weight of a token carries no gradient", (loss) => {
    fc.assert(
      fc.property(row, (r) => {
        const whole = { ...r, mask: r.mask.map(() => 1) }
        const result = policyLoss({ loss }, inputs([whole]))
        // loss = Σ w · logprob with w without gradient, so loss = gradient · logprobs.
        const dot = flat(result.gradient).reduce((sum, g, t) => sum + g * (r.logprobs[t] ?? Number.NaN), 0)
        expect(Math.abs(dot - result.loss)).toBeLessThan(1e-9)
      }),
    )
  })

  test("the gradient by entropies is that of finite differences", () => {
    fc.assert(
      fc.property(rows, (list) => {
        const o = { loss: "grpo", entropyCoef: 0.1 } as const
        const given = policyLoss(o, inputs(list))
        const first = list[0]
        if (first === undefined) return
        const moved = [{ ...first, entropies: first.entropies.map((x, k) => (k === 0 ? x + 1 : x)) }, ...list.slice(1)]
        const difference = policyLoss(o, inputs(moved)).loss - given.loss
        expect(Math.abs((given.entropyGradient?.[0]?.[0] ?? Number.NaN) - difference)).toBeLessThan(1e-12)
      }),
    )
  })

  test("what stands at a masked token is never read", () => {
    fc.assert(
      fc.property(options, rows, (o, list) => {
        const garbage = list.map((r) => {
          const spoil = (values: ReadonlyArray<number>) => values.map((x, t) => (r.mask[t] === 0 ? Number.NaN : x))
          return {
            ...r,
            logprobs: spoil(r.logprobs),
            oldLogprobs: spoil(r.oldLogprobs),
            refLogprobs: spoil(r.refLogprobs),
            entropies: spoil(r.entropies),
          }
        })
        expect(policyLoss(o, inputs(garbage))).toEqual(policyLoss(o, inputs(list)))
      }),
    )
  })

  test("a row without a token in the loss moves nothing but the count of rows", () => {
    fc.assert(
      fc.property(options, rows, row, (o, list, extra) => {
        const empty = { ...extra, mask: extra.mask.map(() => 0) }
        const by = { rowsInBatch: list.length, tokensInBatch: 7, tokensInMicroBatch: 7 }
        const without = policyLoss({ ...o, entropyCoef: 0 }, inputs(list, by))
        const result = policyLoss({ ...o, entropyCoef: 0 }, inputs([...list, empty], by))
        expect(result.loss).toBeCloseTo(without.loss, 12)
        close(flat(result.gradient.slice(0, -1)), flat(without.gradient), 1e-12)
        expect([...(result.gradient.at(-1) ?? [])].every((g) => g === 0)).toBe(true)
      }),
    )
  })

  test("the order of rows does not matter", () => {
    fc.assert(
      fc.property(options, rows, (o, list) => {
        const forward = policyLoss(o, inputs(list))
        const backward = policyLoss(o, inputs(list.toReversed()))
        expect(backward.loss).toBeCloseTo(forward.loss, 12)
        close(flat(backward.gradient.toReversed()), flat(forward.gradient), 1e-12)
        for (const [name, value] of Object.entries(forward.metrics))
          expect(backward.metrics[name]).toBeCloseTo(value, 12)
      }),
    )
  })

  test("micro-batches add up to the whole batch, whatever the split", () => {
    fc.assert(
      fc.property(
        options.map((o) => ({ ...o, topEntropyQuantile: 1, entropyCoef: 0 })),
        fc.array(row, { minLength: 2, maxLength: 5 }),
        fc.nat(),
        (o, list, cut) => {
          const at = 1 + (cut % (list.length - 1))
          const tokens = list.reduce((sum, r) => sum + r.mask.reduce((a, m) => a + m, 0), 0)
          const whole = policyLoss(o, inputs(list))
          const parts = [list.slice(0, at), list.slice(at)].map((part) =>
            policyLoss(
              o,
              inputs(part, {
                rowsInBatch: list.length,
                tokensInBatch: tokens,
                tokensInMicroBatch: tokens,
              }),
            ),
          )
          if (tokens === 0) return
          expect(parts.reduce((sum, p) => sum + p.loss, 0)).toBeCloseTo(whole.loss, 10)
          close(
            parts.flatMap((p) => flat(p.gradient)),
            flat(whole.gradient),
            1e-10,
          )
        },
      ),
    )
  })

  test("beta 0 never reads the reference", () => {
    fc.assert(
      fc.property(options, rows, (o, list) => {
        const off = { ...o, beta: 0 }
        const without = list.map((r) => ({ ...r, refLogprobs: undefined }))
        expect(policyLoss(off, inputs(without))).toEqual(policyLoss(off, inputs(list)))
        expect(policyLoss(off, inputs(list)).metrics["kl"]).toBeUndefined()
      }),
    )
  })

  test("no old log-probabilities means ratio 1 with a live gradient", () => {
    fc.assert(
      fc.property(rows, (list) => {
        const fresh = list.map((r) => ({ ...r, oldLogprobs: undefined }))
        const same = list.map((r) => ({ ...r, oldLogprobs: r.logprobs }))
        expect(policyLoss({ loss: "dapo" }, inputs(fresh))).toEqual(policyLoss({ loss: "dapo" }, inputs(same)))
      }),
    )
    const result = policyLoss({ loss: "grpo" }, inputs([{ logprobs: [-1, -2], advantage: 3 }]))
    expect(result.loss).toBe(-3)
    expect(flat(result.gradient)).toEqual([-1.5, -1.5])
  })

  test("arrays that do not fit are refused by name", () => {
    const r = { logprobs: [-1, -2], advantage: 1 }
    expect(() => policyLoss({ loss: "grpo" }, inputs([{ ...r, mask: [1] }]))).toThrow(/row 0: mask has 1 tokens/)
    expect(() => policyLoss({ loss: "grpo", beta: 0.1 }, inputs([r]))).toThrow(/no refLogprobs/)
    expect(() => policyLoss({ loss: "grpo", topEntropyQuantile: 0.2 }, inputs([r]))).toThrow(/needs entropies/)
  })

  test("nothing in the loss gives 0, no metric, and no NaN", () => {
    const result = policyLoss(
      { loss: "dapo", beta: 1 },
      inputs([{ logprobs: [-1], refLogprobs: [-2], mask: [0], advantage: 1 }]),
    )
    expect(result).toEqual({ loss: 0, gradient: [new Float64Array(1)], metrics: {} })
  })
})
