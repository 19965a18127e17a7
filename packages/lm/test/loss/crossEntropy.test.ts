import { expect, test } from "vitest"
import { crossEntropy } from "../../src/loss/index.ts"

test("mean over the targets that count; the rest has no gradient and is never read", () => {
  const result = crossEntropy([{ logprobs: [-1, Number.NaN, -3], mask: [1, 0, 1] }, { logprobs: [-5] }])
  expect(result.loss).toBe(3)
  expect(result.gradient.map((g) => [...g])).toEqual([[-1 / 3, 0, -1 / 3], [-1 / 3]])
})

test("micro-batches add up by the count of all targets", () => {
  const parts = [crossEntropy([{ logprobs: [-1, -2] }], 3), crossEntropy([{ logprobs: [-6] }], 3)]
  expect(parts.reduce((sum, p) => sum + p.loss, 0)).toBe(3)
})
