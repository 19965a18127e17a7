/** The short form of `npm run test:faults`. */
import { describe, expect, it } from "vitest"
import { fault } from "./engines.ts"
import { kill } from "./kills.ts"

describe("a run that is killed", () => {
  it("at any of twelve moments goes on to the bytes of the uninterrupted one, and asks for no finished group again", async () => {
    const { askedAgain, finished, kills, problems, survived } = await kill({ scripted: 9, slow: 2, nano: 1 }, 7)
    expect(problems).toEqual([])
    expect(kills).toEqual({ scripted: 9, slow: 2, nano: 1 })
    expect(survived).toEqual(kills)
    expect(finished).toBeGreaterThan(0)
    expect(askedAgain).toBe(0)
  })
})

describe("nano on an engine that fails", () => {
  it("for want of room, by a NaN, or with its worker, is trained all the same, and leaves no tensor behind", async () => {
    const found = await fault("tfjs", { ooms: 6, nans: 4, deaths: 1 }, 3)
    expect(found.problems).toEqual([])
    expect([found.recovered + found.refused, found.answered, found.reloaded]).toEqual([6, 4, 1])
    expect(found.recovered).toBeGreaterThan(3)
    expect(found.operations).toBeGreaterThan(1000)
  })
})
