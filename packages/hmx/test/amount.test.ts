import { amount, Settings } from "hmx"
import { expect, test } from "vitest"

test("what is written for people is read again", () => {
  for (const text of ["1.50 GiB", "2.00 GiB", "100 KiB", "512 MiB"]) expect(amount(Settings.bytes(text))).toBe(text)
  expect(Settings.bytes("100 KiB")).toBe(102_400)
  for (const text of ["", "1", "1 B", "1 TiB", "GiB", "-1 GiB", "1GiB"]) expect(Settings.bytes(text)).toBeNaN()
})
