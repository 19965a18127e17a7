/** How many rows are decoded at one time; the closed forms themselves are held to measured peaks in test/memory.test.ts. */
import { Memory, type ModelShape } from "hmx"
import { describe, expect, test } from "vitest"

const shape: ModelShape = {
  family: "qwen3",
  layers: 28,
  hidden: 1024,
  heads: 16,
  kvHeads: 8,
  headDim: 128,
  ffn: 3072,
  vocab: 151_936,
  tied: true,
  context: 4096,
  parameters: 596_049_920,
  bytesPerWeight: 4,
}
const ofRow = (columns: number) => 4 * 2 * 28 * 8 * 128 * columns

describe("decodedAtOnce", () => {
  test("keys and values on a processor take no more than a third of the weights, in parts of like size", () => {
    expect(Memory.decodedAtOnce(shape, 192, 32)).toBe(16)
    expect(16 * ofRow(192)).toBeLessThan((4 * shape.parameters) / 3)
    expect(32 * ofRow(192)).toBeGreaterThan((4 * shape.parameters) / 3)
  })
  test("a group of eight is never parted, whatever it takes", () => {
    expect(Memory.decodedAtOnce(shape, 4096, 32)).toBe(8)
    expect(Memory.decodedAtOnce(shape, 4096, 3)).toBe(8)
  })
  test("a GPU takes all of them, up to 256", () => {
    expect(Memory.decodedAtOnce({ ...shape, device: "cuda" }, 4096, 64)).toBe(64)
    expect(Memory.decodedAtOnce({ ...shape, device: "cuda" }, 4096, 400)).toBe(200)
  })
  test("a tiny model has room for all", () => {
    expect(Memory.decodedAtOnce({ ...shape, layers: 4, kvHeads: 2, headDim: 24, parameters: 1e6 }, 400, 256)).toBe(256)
  })
})
