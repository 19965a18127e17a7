import * as fc from "fast-check"
import { execFileSync } from "node:child_process"
import { expect, test } from "vitest"
import { goOnWith, quote, quotePath } from "../src/shell.ts"

test("words without need are left as they are", () => {
  for (const word of ["runs/brief-7-1", "/a/b.ts", "runs/é", "a=b", "x@y:5,6"]) expect(quote(word)).toBe(word)
})

test("blanks, quotes, dollars and wildcards are quoted", () => {
  expect(quote("my runs/é 1")).toBe("'my runs/é 1'")
  expect(quote("it's")).toBe(`'it'\\''s'`)
  expect([quote("~/runs"), quote("$x"), quote("*"), quote("")]).toEqual(["'~/runs'", "'$x'", "'*'", "''"])
  expect(quotePath("-x")).toBe("./-x")
  expect(goOnWith("my runs/é 1")).toBe("go on with: npx hmx resume 'my runs/é 1'")
})

test("what would steer a terminal does not, and is read back all the same", () => {
  // oxlint-disable-next-line no-control-regex -- none may be left
  expect(quote("a\u001b[2Jb\n'")).not.toMatch(/[\u0000-\u001f]/)
  const words = fc.sample(
    fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.string({ unit: fc.constantFrom(...Array.from(" '\"$`\\\n\t\u001b\u202ea*?~!#&;|<>(){}[]^é-=")) }),
    ),
    { numRuns: 400, seed: 7 },
  )
  const read = execFileSync("bash", ["-c", `printf '%s\\0' ${words.map(quote).join(" ")}`], { encoding: "utf8" })
  expect(read.split("\0").slice(0, -1)).toEqual(words)
})

test("a plain sh reads it where nothing steers the terminal", () => {
  const words = ["my runs/é 1", "it's", '"$x"', "a\\b", "*", "日本 x"]
  const read = execFileSync("sh", ["-c", `printf '%s\\n' ${words.map(quote).join(" ")}`], { encoding: "utf8" })
  expect(read.trimEnd().split("\n")).toEqual(words)
})
