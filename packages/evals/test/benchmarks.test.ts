import * as Result from "effect/Result"
import { describe, expect, it } from "vitest"
import { benchmarks, byName } from "../src/index.ts"
import { refused } from "./files.ts"

describe("benchmarks", () => {
  it("have a name each, and metrics with a name each", () => {
    expect(new Set(benchmarks.map(({ name }) => name)).size).toBe(benchmarks.length)
    for (const { metrics } of benchmarks) expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length)
  })

  it("are found by name, families by what it begins with", () => {
    for (const { name } of benchmarks) expect(Result.getOrThrow(byName(name)).name).toBe(name)
    expect(Result.getOrThrow(byName("mmlu_virology")).name).toBe("mmlu_virology")
    expect(Result.getOrThrow(byName("persona_openness")).name).toBe("persona_openness")
  })

  it("ask whether another was meant", () => {
    expect(refused(byName("gms8k"))).toContain("did you mean gsm8k?")
    // Two neighbours changed about are one slip.
    expect(refused(byName("bqb"))).toContain("did you mean bbq?")
    expect(refused(byName("acr"))).toContain("did you mean arc?")
    expect(refused(byName("truthfulqa"))).toBe(
      "benchmark: found the group truthfulqa; expected one of its benchmarks: truthfulqa_mc1, truthfulqa_mc2, truthfulqa_binary",
    )
    expect(refused(byName("all"))).toMatch(/expected one of its benchmarks: (?:\w+, ){11}\w+ and \d+ more$/)
    expect(refused(byName("truthful_mc1"))).toContain("did you mean truthfulqa_mc1?")
    for (const far of ["foo", "persona_../../etc"]) {
      expect(refused(byName(far))).toContain("the name of a benchmark or a group (`npx hmx data ls` lists them)")
      expect(refused(byName(far))).not.toContain("did you mean")
    }
  })
})
