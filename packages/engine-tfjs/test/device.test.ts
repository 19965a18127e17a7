/** Which device is asked for, and what it is called; needs no TensorFlow. */
import { create } from "@hmx/engine-tfjs"
import { EngineMisuse } from "@hmx/lm"
import { expect, test } from "vitest"
import type { TfjsOptions } from "../src/create.ts"
import { deviceName } from "../src/tensorflowBackend.ts"

test("a GPU has the number that it was asked for with, where it was", () => {
  expect([deviceName(true, "cuda:1"), deviceName(true, "cuda"), deviceName(true, undefined)]).toEqual([
    "cuda:1",
    "cuda:0",
    "cuda:0",
  ])
  expect(deviceName(false, undefined)).toBe("cpu")
})

test.each<readonly [TfjsOptions, string]>([
  [{ device: "cuda:1" }, "create: device is cuda:1; expected cpu, the only one of wasm"],
  [{ backend: "cpu", device: "cuda" }, "create: device is cuda; expected cpu, the only one of cpu"],
  [{ backend: "tensorflow", device: "cuda:1.5" as const }, "create: device is cuda:1.5; expected cpu or cuda"],
])("%o is a mistake", async (options, sentence) => {
  await expect(create(options)).rejects.toThrow(EngineMisuse)
  await expect(create(options)).rejects.toThrow(sentence)
})
