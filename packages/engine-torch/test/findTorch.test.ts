import { EngineUnavailable } from "@hmx/lm"
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { findTorch, here, type Surroundings } from "../src/findTorch.ts"

const file = { win32: "torch_cpu.dll", darwin: "libtorch_cpu.dylib" }[process.platform as string] ?? "libtorch_cpu.so"

const manifest = `{"name":"torch","version":"2.13.0","cuda":false,"device":"cpu"}`

/** A machine with libraries in some folders. */
const machine = (folders: ReadonlyArray<string>, env: Surroundings["env"] = {}, python?: string): Surroundings => ({
  env: { HMX_HOME: "/home", ...env },
  exists: (path) => folders.some((folder) => path === join(folder, file)),
  read: (path) => (path === "/home/engines/torch/engine.json" ? manifest : undefined),
  flaw: () => undefined,
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

  test.each([undefined, "", "{", `{"name":"torch"}`])("an install that did not finish is none: %s", (text) => {
    const own = "/home/engines/torch/torch/lib"
    const half = { ...machine([own, "/py/torch/lib"], {}, "/py/torch"), read: () => text }
    expect(findTorch(half)).toBe("/py/torch/lib")
    expect(() => findTorch({ ...half, pythonsTorch: () => undefined })).toThrow(
      /found an install that did not finish in \/home\/engines\/torch; expected PyTorch/,
    )
  })

  test.each([
    ["named", ["/named"], { HMX_LIBTORCH: "/named" }],
    ["HMX's own", ["/home/engines/torch/lib"], {}],
    ["Python's", ["/py/torch/lib"], {}],
  ])("one that cannot be used is refused, be it %s", (_, folders, env) => {
    const whole = machine(folders, env, "/py/torch")
    const cut = { ...whole, flaw: (folder: string) => `${file} cut off in ${folder}` }
    expect(() => findTorch(cut)).toThrow(new RegExp(`found .* cut off in ${folders[0]}; expected PyTorch`))
    const of = (version: string): Surroundings => ({
      ...whole,
      read: (path) => (path.endsWith("version.py") ? `__version__ = '${version}'` : whole.read(path)),
    })
    for (const old of ["2.9.1+cpu", "2.5.0", "1.9.0"])
      expect(() => findTorch(of(old))).toThrow(`found torch ${old}; expected PyTorch 2.13`)
    for (const other of ["2.10.0", "2.13.0+cpu", "3.0.0a0", "git"]) expect(findTorch(of(other))).toBe(folders[0])
  })

  test("the files that are loaded are looked at, and no others", () => {
    const folder = mkdtempSync(join(tmpdir(), "hmx-torch-"))
    try {
      writeFileSync(join(folder, "libtorch_python.so"), "")
      writeFileSync(join(folder, "libtorch_cpu.txt"), "")
      const c10 = file.replace("torch_cpu", "c10")
      expect(here.flaw(folder)).toBe(`no ${c10}`)
      // A real library of this platform.
      symlinkSync(process.execPath, join(folder, c10))
      expect(here.flaw(folder)).toBeUndefined()
      for (const name of [file, "libgomp-a34.so.1"]) {
        writeFileSync(join(folder, name), "abc")
        expect(here.flaw(folder)).toBe(`${name}, which is no library (3 bytes)`)
        rmSync(join(folder, name))
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
