/** The closed forms of memory are within a tenth of what the default engine measures. The whole table: `npm run bench:memory`. */
import { create } from "@hmx/engine-tfjs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Engine } from "@hmx/lm"
import { loads, measure } from "./bench/memory/measure.ts"
import { shapes } from "./bench/memory/shapes.ts"

let engine: Engine
beforeAll(async () => {
  engine = await create({ backend: "wasm", threads: 1 })
})
afterAll(() => engine.close())

describe("the plan of memory", () => {
  it.each(Object.entries(shapes))("of %s is within a tenth of what is measured", (_, spec) => {
    // The small load, and one of long prompts.
    const some = [loads[0], loads[4]].flatMap((load) => load ?? [])
    const lines = [...measure(engine, spec, some)]
    expect(lines).toHaveLength(1 + 5 * some.length)
    for (const { measured, planned, what } of lines) {
      expect(planned / measured, what).toBeGreaterThan(0.9)
      expect(planned / measured, what).toBeLessThan(1.1)
    }
    expect(engine.memory().bytes).toBe(0)
  })
})
