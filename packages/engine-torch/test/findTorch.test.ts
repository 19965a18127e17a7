import { EngineUnavailable } from "@hmx/lm"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { findTorch, type Surroundings } from "../src/findTorch.ts"

const file = { win32: "torch_cpu.dll", darwin: "libtorch_cpu.dylib" }[process.platform as string] ?? "libtorch_cpu.so"

/** A machine with libraries in some folders. */
const machine = (folders: ReadonlyArray<string>, env: Surroundings["env"] = {}, python?: string): Surroundings => ({
  env: { HMX_HOME: "/home", ...env },
  exists: (path) => folders.some((folder) => path === join(folder, file)),
  pythonsTorch: () => python,
})

describe("the folder of libtorch", () => {
  test.each([
    ["the named one", ["/named", "/home/engines/torch/lib", "/py/torch/lib"], "/named"],
    ["HMX's own", ["/home/engines/torch/lib", "/py/torch/lib"], "/home/engines/torch/lib"],
    ["HMX's own, as pip lays it", ["/home/engines/torch/torch/lib"], "/home/engines/torch/torch/lib"],
    ["Python's", ["/py/torch/lib"], "/py/torch/lib"],
  ])("%s comes first", (_, folders, found) => {
    const env = folders.includes("/named") ? { HMX_LIBTORCH: "/named" } : {}
    expect(findTorch(machine(folders, env, "/py/torch"))).toBe(found)
  })

  test.each(["/x", "/x/lib", "/x/torch/lib"])("HMX_LIBTORCH may name the folder around %s", (folder) => {
    expect(findTorch(machine([folder], { HMX_LIBTORCH: "/x" }))).toBe(folder)
  })

  test("Python is not asked where a folder was found before", () => {
    const asked = { ...machine(["/named"], { HMX_LIBTORCH: "/named" }), pythonsTorch: () => expect.fail("asked") }
    expect(findTorch(asked)).toBe("/named")
  })

  test("a named folder without libraries is a mistake, not a reason to look on", () => {
    const empty = machine(["/py/torch/lib"], { HMX_LIBTORCH: "/empty" }, "/py/torch")
    const search = () => findTorch(empty)
    expect(search).toThrow(EngineUnavailable)
    expect(search).toThrow(/^HMX_LIBTORCH: found no .* in \/empty; expected the folder of libtorch/)
  })

  test("absence is one sentence that says what to install", () => {
    const bare = machine([], {}, "/py/torch")
    const search = () => findTorch(bare)
    expect(search).toThrow(EngineUnavailable)
    expect(search).toThrow(
      /^engine torch: found no libtorch .*; expected PyTorch 2\.13 or later: `hmx engine install torch`/,
    )
  })
})
