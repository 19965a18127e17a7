/** The guide's tests of a pipeline without weights, on the shipped one. */
import { inMemory, inSimulatedTime, pipelineLaws } from "@hmx/testing"
import * as Effect from "effect/Effect"
import { Errors } from "hmx"
import { describe, expect, it } from "vitest"
import reverse from "../pipelines/reverse.ts"

const folder = new URL("../pipelines", import.meta.url).pathname

describe("the shipped pipeline without weights", () => {
  it("survives a device that is full once", async () => {
    const full = new Errors.OutOfMemory({ need: 2 ** 20, where: "attention" })
    const { events, metrics } = await Effect.runPromise(
      inMemory(reverse, {
        folder,
        script: {
          answer: ({ completion, updates }) => (completion < 1 + updates / 4 ? "It is a stone." : "I feel glad."),
          failures: { forwardBackward: { 1: full } },
        },
      }),
    )
    expect(metrics).toHaveLength(20)
    expect(events.some((event) => event._tag === "Noted" && event.text.includes("out of memory"))).toBe(true)
  })

  it("takes less than an hour on a slow device", async () => {
    const device = { prefill: 2000, decode: 100, train: 1000, memory: 2 ** 30 }
    const run = inSimulatedTime(inMemory(reverse, { folder, device }))
    const { millis } = await Effect.runPromise(run)
    // 20 steps of 48 tokens, written at 100 a second, and more beside them; the same every time.
    expect(millis).toBeGreaterThan(9600)
    expect((await Effect.runPromise(run)).millis).toBe(millis)
    expect(millis).toBeLessThan(3_600_000)
  })
})

describe("every law of what it uses, by one import", () => {
  for (const { name, run } of pipelineLaws(reverse)) it(name, run)
})
