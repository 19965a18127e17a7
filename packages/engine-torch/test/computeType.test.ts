import { expect, test } from "vitest"
import { decide, decideOnGpu } from "../src/computeType.ts"

/** A clock that says so many times f32's time; undefined: it must not be asked. */
const clock = (factor: number | undefined) => () => factor ?? expect.fail("measured")

test.each([
  ["bf16", ["avx2", "fma"], undefined, "f32"],
  ["bf16", [], undefined, "f32"],
  // Its f16 says nothing of bf16.
  ["bf16", ["avx512-fp16"], undefined, "f32"],
  ["bf16", ["avx512", "avx512-bf16"], 0.5, "bf16"],
  ["bf16", ["amx-bf16"], 1.9, "bf16"],
  ["bf16", ["bf16"], 30, "f32"],
  ["bf16", undefined, 0.9, "bf16"],
  ["bf16", undefined, 1.1, "f32"],
  ["f16", ["avx512-bf16"], undefined, "f32"],
  ["f16", ["fp16"], 0.7, "f16"],
] as const)(
  "weights in %s on a processor with %j whose clock says %s are computed with in %s",
  (stored, features, factor, wanted) => {
    const { dtype, why } = decide(stored, features, clock(factor))
    expect(dtype).toBe(wanted)
    expect(why).toMatch(wanted === "f32" ? /stay (bf16|f16) in memory/ : /of f32's time/)
  },
)

test.each([
  ["bf16", { major: 8, minor: 0 }, undefined, "bf16", "compute capability is 8.0"],
  ["bf16", { major: 12, minor: 1 }, undefined, "bf16", "12.1"],
  ["bf16", { major: 7, minor: 5 }, undefined, "f32", "7.5, and bf16 wants 8.0"],
  ["f16", { major: 7, minor: 0 }, undefined, "f16", "7.0"],
  ["f16", { major: 6, minor: 1 }, undefined, "f32", "6.1, and f16 wants 7.0"],
  ["bf16", undefined, 0.3, "bf16", "of f32's time"],
  ["bf16", undefined, 1.2, "f32", "of f32's time"],
] as const)(
  "weights in %s on a GPU of %j whose clock says %s are computed with in %s",
  (stored, of, factor, wanted, said) => {
    const { dtype, why } = decideOnGpu(stored, of, clock(factor))
    expect(dtype).toBe(wanted)
    expect(why).toContain(said)
  },
)
