import { expect, test, vi } from "vitest"
import { compareRun, type Quantity, Trajectory } from "./Trajectory.ts"

const weights: Quantity = { what: "weights", by: "absolute", bound: 1e-5, many: true }

/** Ten weights of which the last differs from the reference by `delta`. */
const runOf = (delta: number) => {
  const out = new Trajectory()
  out.add(weights, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9 + delta], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  return out
}

test("within the bound: the run is made once", () => {
  const run = vi.fn(() => runOf(9e-6))
  expect([...compareRun("case", run)]).toMatchObject([{ status: "ok", what: "weights", bound: 1e-5 }])
  expect(run).toHaveBeenCalledTimes(1)
})

test("a figure that no rounding moves is held to the stated bound", () => {
  expect([...compareRun("case", () => runOf(2e-5))]).toMatchObject([{ status: "off", what: "weights", bound: 1e-5 }])
})

test("a figure that other roundings move as far is within, which the line says; most are still held to the stated bound", () => {
  const lines = [...compareRun("case", (rounding) => runOf(2e-5 + rounding * 1e-5))]
  expect(lines).toMatchObject([
    { status: "ok", what: "weights (another rounding of the gradients moves them by 3.0e-5)" },
    { status: "off", what: "weights, nine in ten of them", bound: 1e-5 },
  ])
})

test("NaN is off, whatever the roundings do", () => {
  expect([...compareRun("case", (rounding) => runOf(rounding === 0 ? Number.NaN : 1))]).toMatchObject([
    { status: "off" },
  ])
})

test("another number of figures than the reference's is refused", () => {
  expect(() => new Trajectory().add(weights, [1], [1, 2])).toThrow(/weights: 1 figures, the reference has 2/)
})
