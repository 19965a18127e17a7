import { expect, test } from "vitest"
import { engineManifest } from "../src/engineManifest.ts"

const whole = { name: "torch", version: "2.13.0", cuda: false, device: "cpu" }

test("a finished install's, and nothing less", () => {
  expect(engineManifest(JSON.stringify(whole))).toEqual(whole)
  for (const key of ["name", "version", "cuda", "device"]) {
    expect(engineManifest(JSON.stringify({ ...whole, [key]: undefined }))).toBeUndefined()
    expect(engineManifest(JSON.stringify({ ...whole, [key]: 1 }))).toBeUndefined()
  }
  for (const text of [undefined, "", "null", "[]", JSON.stringify(whole).slice(0, 20)])
    expect(engineManifest(text)).toBeUndefined()
})
