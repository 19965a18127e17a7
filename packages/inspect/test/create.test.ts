/** New files: a name becomes names, and nothing that is there is touched. */
import { Errors } from "hmx"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { create } from "../src/index.ts"
import { sandbox } from "./sandbox.ts"

describe("a new file", () => {
  it("has the name's constant, and its test beside it", () => {
    const folder = sandbox({})
    expect(create("reward", "length-bonus", folder)).toEqual(["rubrics/length-bonus.ts", "test/length-bonus.test.ts"])
    expect(readFileSync(join(folder, "rubrics/length-bonus.ts"), "utf8")).toContain(
      `export const lengthBonus = Reward.make("length-bonus", {`,
    )
    expect(readFileSync(join(folder, "test/length-bonus.test.ts"), "utf8")).toContain(
      `from "../rubrics/length-bonus.ts"`,
    )
  })

  it.each(["stages/mine.ts", "test/mine.test.ts"])("is not written where %s is", (there) => {
    const folder = sandbox({ [there]: "mine" })
    expect(() => create("stage", "mine", folder)).toThrow(`${there}: found a file of that name`)
    expect(readFileSync(join(folder, there), "utf8")).toBe("mine")
    expect(["stages/mine.ts", "test/mine.test.ts"].filter((path) => existsSync(join(folder, path)))).toEqual([there])
  })

  it.each(["", "../up", "a/b", "class", "9to5", "a--b", "-a", "a b", "a.ts", "x".repeat(41), "a\n"])(
    "is refused under the name %j",
    (name) => {
      expect(() => create("pipeline", name, sandbox({}))).toThrow(Errors.BadInput)
    },
  )

  it("leaves nothing behind where the test cannot be written", () => {
    const folder = sandbox({ test: "a file in place of the folder" })
    expect(() => create("stage", "mine", folder)).toThrow(Errors.StorageFailed)
    expect(existsSync(join(folder, "stages/mine.ts"))).toBe(false)
  })
})
