import { expect, test } from "vitest"
import { directionError } from "./Conditioning.ts"
import { type Quantity, Trajectory } from "./Trajectory.ts"

const weights: Quantity = { what: "weights", by: "absolute", bound: 1e-5 }

/** 200 weights, of which the last differs from the reference by `delta` and rounding may move the last `loose` by `movement`. */
const lines = (delta: number, loose: number, movement: number, first = 0) => {
  const golden = Array.from({ length: 200 }, (_, i) => i)
  const out = new Trajectory()
  const found = golden.map((x, i) => x + (i === 199 ? delta : i === 0 ? first : 0))
  out.add(weights, found, golden, { movement: golden.map((i) => (i >= 200 - loose ? movement : 1e-7)), step: 1e-3 })
  return [...out.lines("case")]
}

test("where all keep the bound, one line says so, whatever rounding may do", () => {
  expect(lines(9e-6, 2, 1e-4)).toMatchObject([{ status: "ok", what: "weights", bound: 1e-5 }])
})

test("a weight that no rounding moves is held to the stated bound", () => {
  expect(lines(2e-5, 0, 0)).toMatchObject([{ status: "off", what: "weights", bound: 1e-5 }])
})

test("a weight that rounding decides is counted and held to what rounding may move it", () => {
  expect(lines(2e-5, 2, 1e-4)).toMatchObject([
    { status: "ok", what: "weights, but 2 of 200 that rounding decides", maxDelta: 0, bound: 1e-5 },
    { status: "ok", what: "weights, those 2 of 200, by what rounding may move each", bound: 1 },
    { status: "ok", what: "weights, share of those 2 of 200", maxDelta: 0.01, bound: 0.01 },
  ])
  expect(lines(2e-4, 2, 1e-4).map((line) => line.status)).toEqual(["ok", "off", "ok"])
  // However far rounding may move it, a step is the most.
  expect(lines(2e-3, 2, 1).map((line) => line.status)).toEqual(["ok", "off", "ok"])
})

test("the others stay strict beside it, and there may be few of them", () => {
  expect(lines(2e-5, 2, 1e-4, 2e-5).map((line) => line.status)).toEqual(["off", "ok", "ok"])
  expect(lines(2e-5, 3, 1e-4).map((line) => line.status)).toEqual(["ok", "ok", "off"])
})

test("NaN is off", () => {
  expect(lines(Number.NaN, 0, 0)).toMatchObject([{ status: "off" }])
  expect(lines(Number.NaN, 2, 1e-4)[1]).toMatchObject({ status: "off" })
})

test("another number of figures than the reference's is refused", () => {
  expect(() => new Trajectory().add(weights, [1], [1, 2])).toThrow(/weights: 1 figures, the reference has 2/)
})

const adam = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 }

/** AdamW's direction after two gradients. */
const direction = ([a = 0, b = 0]: ReadonlyArray<number>) => {
  const m = (0.09 * a + 0.1 * b) / 0.19
  const v = (0.0099 * a * a + 0.01 * b * b) / 0.0199
  return m / (Math.sqrt(v) + 1e-8)
}

test("the error of a direction is what differences of its formula say", () => {
  const g = [0.003, -0.001]
  const h = 1e-8
  const by = (i: number) => Math.abs(direction(g.map((x, j) => (i === j ? x + h : x))) - direction(g)) / h
  expect(directionError(g, [1e-6, 3e-6], adam) / (by(0) * 1e-6 + by(1) * 3e-6)).toBeCloseTo(1, 3)
})

test("the first direction is a sign, which only a gradient as small as its rounding leaves open", () => {
  expect(directionError([1e-3], [1e-5], adam)).toBeLessThan(1e-6)
  expect(directionError([1e-6], [1e-5], adam)).toBe(1)
  expect(directionError([0], [0], adam)).toBe(0)
})
