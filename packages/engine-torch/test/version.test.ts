import { expect, test } from "vitest"
import { atLeast, show } from "../src/version.ts"

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
