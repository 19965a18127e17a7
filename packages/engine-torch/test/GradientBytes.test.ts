/** Sizes of gradients along small recordings, counted by hand. */
import { describe, expect, it } from "vitest"
import { GradientBytes } from "../src/GradientBytes.ts"
import { Handle, Ledger } from "../src/Ledger.ts"

const ledger = new Ledger(() => {})
const tensor = (size: number) => new Handle(ledger, 1, [size], "f32", { bytes: 4 * size, users: 0 })
/** Elements of a KiB. */
const KIB = 256
const step = (made: Handle, from: Handle) => ({ made, from: [from], shared: 0 })

describe("memory of gradients", () => {
  it("is that of two neighbours along a chain, and of the source at the end", () => {
    const [x, a, b, y] = [tensor(KIB), tensor(2 * KIB), tensor(4 * KIB), tensor(8 * KIB)]
    const found = new GradientBytes()
    found.given(y)
    // The cotangent is the caller's: 4 for b, then 2 more for a.
    expect(found.segment([step(a, x), step(b, a), step(y, b)])).toBe(6 * 1024)
    expect(found.live).toBe(1024)
  })

  it("is none for what is handed on, where it is as large", () => {
    const [x, small, y] = [tensor(KIB), tensor(1), tensor(KIB)]
    const found = new GradientBytes()
    found.given(y)
    expect(found.segment([{ made: y, from: [x, small], shared: 2 }])).toBe(4)
    expect(found.live).toBe(4)
  })

  it("is a third while two that are shared are added up, and none more where one is its own", () => {
    const [x, a, b, y] = [tensor(KIB), tensor(KIB), tensor(KIB), tensor(KIB)]
    const both = { made: y, from: [a, b], shared: 0 }
    const own = new GradientBytes()
    own.given(y)
    // Of a and b, and of x twice: b's is gone when a's share comes.
    expect(own.segment([step(a, x), step(b, x), both])).toBe(3 * 1024)
    expect(own.live).toBe(1024)
    const shared = new GradientBytes()
    shared.given(y)
    expect(
      shared.segment([
        { made: a, from: [x], shared: 0 },
        { made: y, from: [a, x], shared: 2 },
      ]),
    ).toBe(2 * 1024)
  })

  it("stands at a border between segments, where an operation of the engine's own makes it", () => {
    const [x, h, y, still] = [tensor(KIB), tensor(4 * KIB), tensor(2 * KIB), tensor(KIB)]
    const found = new GradientBytes()
    found.given(y)
    found.custom([still], [x])
    expect(found.live).toBe(0)
    found.custom([y], [h])
    expect(found.live).toBe(4 * 1024)
    // The segment begins at h's, which is held until it is done.
    expect(found.segment([{ made: h, from: [x], shared: 0 }])).toBe(5 * 1024)
    expect(found.live).toBe(1024)
  })
})
