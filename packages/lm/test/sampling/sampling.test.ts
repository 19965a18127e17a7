import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { greedy, logprobAt, processLogits, sampleToken } from "../../src/sampling/index.ts"
import { select } from "../../src/sampling/select.ts"

/** Whole multiples of 2⁻¹⁰: scores that differ have weights that differ in f64. */
const score = fc.integer({ min: -20_480, max: 20_480 }).map((x) => x / 1024)
/** Few distinct values, so that equal scores are common. */
const coarse = fc.integer({ min: -3, max: 3 })
const scores = fc.array(fc.oneof(score, coarse), { minLength: 1, maxLength: 40 }).map((xs) => new Float32Array(xs))
const share = fc.double({ min: 0.001, max: 0.999, noNaN: true })

const removed = (xs: Float32Array) => [...xs].map((x) => x === Number.NEGATIVE_INFINITY)
const softmax = (xs: Float32Array) => {
  const max = Math.max(...xs)
  const weights = [...xs].map((x) => Math.exp(x - max))
  const total = weights.reduce((a, x) => a + x, 0)
  return weights.map((x) => x / total)
}

describe("select", () => {
  test("is the place in the sorted order", () => {
    fc.assert(
      fc.property(scores, fc.nat(), (xs, n) => {
        const k = n % xs.length
        expect(select(xs.slice(), k) === xs.toSorted()[k]).toBe(true)
      }),
    )
  })
})

describe("processLogits", () => {
  test("nothing asked, nothing changed; the argument stays as it is", () => {
    fc.assert(
      fc.property(scores, (xs) => {
        const before = xs.slice()
        expect(processLogits(xs, {}, [])).toEqual(before)
        processLogits(xs, { temperature: 0.5, topK: 1, topP: 0.5, minP: 0.9, repetitionPenalty: 2 }, [0])
        expect(xs).toEqual(before)
      }),
    )
  })

  test("top-k removes exactly what k others are larger than", () => {
    fc.assert(
      fc.property(scores, fc.integer({ min: 1, max: 45 }), (xs, k) => {
        const expected = [...xs].map((x) => xs.filter((y) => y > x).length >= k)
        expect(removed(processLogits(xs, { topK: k }, []))).toEqual(expected)
      }),
    )
  })

  test("top-p as by sorting everything and summing from below", () => {
    fc.assert(
      fc.property(scores, share, (xs, p) => {
        const probabilities = softmax(xs)
        const ascending = [...xs.keys()].toSorted((a, b) => (xs[a] ?? 0) - (xs[b] ?? 0))
        let mass = 0
        const expected = removed(xs)
        for (const i of ascending.slice(0, -1)) {
          mass += probabilities[i] ?? 0
          if (Math.abs(mass - (1 - p)) < 1e-12) return // an edge that rounding decides
          if (mass <= 1 - p) expected[i] = true
        }
        expect(removed(processLogits(xs, { topP: p }, []))).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  test("min-p removes what is less probable than p times the best", () => {
    fc.assert(
      fc.property(scores, share, (xs, p) => {
        const max = Math.max(...xs)
        if (xs.some((x) => Math.abs(x - max - Math.log(p)) < 1e-12)) return
        expect(removed(processLogits(xs, { minP: p }, []))).toEqual([...xs].map((x) => Math.exp(x - max) < p))
      }),
    )
  })

  test("the highest score always stays", () => {
    fc.assert(
      fc.property(
        scores,
        fc.oneof(share, fc.constantFrom(0, 1e-9)),
        share,
        fc.integer({ min: 1, max: 5 }),
        (xs, p, q, k) => {
          const out = processLogits(xs, { topK: k, topP: p, minP: q }, [])
          expect(Math.max(...out) === Math.max(...xs)).toBe(true)
        },
      ),
    )
  })

  test("a token is penalised once, towards less probable on both sides of 0; ids outside the vocabulary are ignored", () => {
    const out = processLogits([2, -2, 2], { repetitionPenalty: 2 }, [0, 0, 1, 99])
    expect([...out]).toEqual([1, -4, 2])
  })

  const shares = [0.4, 0.3, 0.2, 0.1].map(Math.log)
  test.each([
    // The penalised token is no longer the best when top-k looks.
    ["penalty, top-k", [3, 2, 1], { repetitionPenalty: 4, topK: 1 }, [1]],
    // Cooled to 1/4 the shares are .72, .23, .05, .003: top-p adds those up, and min-p compares those.
    ["temperature, top-p", shares, { temperature: 0.25, topP: 0.65 }, [0]],
    ["temperature, min-p", shares, { temperature: 0.25, minP: 0.6 }, [0]],
    // Of the two that top-k leaves the first has .57; before it, .4.
    ["top-k, top-p", shares, { topK: 2, topP: 0.55 }, [0]],
    // Of the two that min-p leaves the first would have .57.
    ["top-p, min-p", shares, { topP: 0.55, minP: 0.6 }, [0, 1]],
  ] as const)("the order shows in what stays: %s", (_, logits, params, expected) => {
    const out = removed(processLogits(logits, params, [0]))
    expect([...out.keys()].filter((i) => out[i] === false)).toEqual(expected)
  })

  test("the penalty goes before the end that temperature 0 is", () => {
    expect(greedy(processLogits([3, 2, 1], { repetitionPenalty: 4, temperature: 0 }, [0]))).toBe(1)
  })

  test("temperature 0 leaves the order to greedy", () => {
    expect([...processLogits([1, 3, 2], { temperature: 0, topK: 1, topP: 0.1, minP: 0.9 }, [])]).toEqual([1, 3, 2])
    expect(greedy([1, 3, 3])).toBe(1)
  })
})

describe("sampleToken", () => {
  test("u below the cumulative probability of a token and not below that of the one before it", () => {
    fc.assert(
      fc.property(scores, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (xs, u) => {
        const processed = processLogits(xs, { topP: 0.9 }, [])
        const probabilities = softmax(processed)
        const token = sampleToken(processed, u)
        const below = probabilities.slice(0, token).reduce((a, x) => a + x, 0)
        expect(probabilities[token]).toBeGreaterThan(0)
        expect(below).toBeLessThanOrEqual(u + 1e-12)
        expect(below + (probabilities[token] ?? 0)).toBeGreaterThanOrEqual(u - 1e-12)
      }),
    )
  })

  test("evenly spread u give the distribution", () => {
    const processed = new Float32Array([Math.log(0.5), Number.NEGATIVE_INFINITY, Math.log(0.2), Math.log(0.3)])
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 1000; i++) {
      const token = sampleToken(processed, (i + 0.5) / 1000)
      counts[token] = (counts[token] ?? 0) + 1
    }
    expect(counts).toEqual([500, 0, 200, 300])
  })
})

describe("logprobAt", () => {
  test("is the logarithm of the softmax of logits / temperature, and finite for large logits", () => {
    fc.assert(
      fc.property(scores, fc.double({ min: 0.2, max: 3, noNaN: true }), (xs, temperature) => {
        const probabilities = softmax(xs.map((x) => x / temperature))
        expect(logprobAt(xs, 0, temperature)).toBeCloseTo(Math.log(probabilities[0] ?? 0), 4)
      }),
    )
    expect(logprobAt([1000, 0], 1)).toBe(-1000)
    expect(logprobAt([1, 2], 0, 0)).toBe(logprobAt([1, 2], 0, 1))
  })
})
