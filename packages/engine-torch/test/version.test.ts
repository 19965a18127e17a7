import { expect, test } from "vitest"
import { atLeast, show, versionOf } from "../src/version.ts"

test.each([
  [{ major: 2, minor: 13 }, { major: 2, minor: 10 }, true],
  [{ major: 2, minor: 10 }, { major: 2, minor: 10 }, true],
  [{ major: 2, minor: 9 }, { major: 2, minor: 10 }, false],
  [{ major: 3, minor: 0 }, { major: 2, minor: 10 }, true],
  [{ major: 1, minor: 99 }, { major: 2, minor: 10 }, false],
])("%o at least %o: %s", (version, than, is) => {
  expect(atLeast(version, than)).toBe(is)
})

test("is shown as torch writes it", () => {
  expect(show({ major: 2, minor: 13 })).toBe("2.13")
})

test("is read from the wheel's", () => {
  expect(versionOf("2.13.0+cpu")).toEqual({ major: 2, minor: 13 })
  expect(versionOf("10.2a0")).toEqual({ major: 10, minor: 2 })
  for (const text of [undefined, "", "2", "git"]) expect(versionOf(text)).toBeUndefined()
})
