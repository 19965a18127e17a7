import { engineFolder, enginesFolder } from "@hmx/lm"
import { homedir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"

test("engines are in HMX_HOME, or in the cache; an empty variable counts as none", () => {
  expect(engineFolder("torch", { HMX_HOME: "/h", XDG_CACHE_HOME: "/c" })).toBe(join("/h", "engines", "torch"))
  expect(engineFolder("torch", { HMX_HOME: "", XDG_CACHE_HOME: "/c" })).toBe(join("/c", "hmx", "engines", "torch"))
  expect(enginesFolder({})).toBe(join(homedir(), ".cache", "hmx", "engines"))
})
