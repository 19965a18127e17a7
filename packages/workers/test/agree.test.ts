import { expect, test } from "vitest"
import { agree } from "../src/perform.ts"

test.each([
  ["torch on cpu", "torch on cpu", true],
  ["torch on cpu", "torch on cuda", false],
  ["auto", "torch on cuda", true],
  ["auto in f32", "auto", true],
  ["auto in f32", "auto in stored", false],
  ["auto in f32", "torch on cpu in f32", true],
  ["auto in f32", "torch on cpu in stored", false],
  ["auto in f32", "torch on cpu", false],
])("an engine %s and one %s are alike: %s", (a, b, alike) => {
  expect([agree(a, b), agree(b, a)]).toEqual([alike, alike])
})
