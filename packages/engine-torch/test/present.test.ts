import { join } from "node:path"
import { expect, test } from "vitest"
import { presentTorch, type Reading } from "../src/present.ts"

const file = { win32: "torch_cpu.dll", darwin: "libtorch_cpu.dylib" }[process.platform as string] ?? "libtorch_cpu.so"

/** A machine with libtorch in these folders, each with this version.py. */
const machine = (folders: ReadonlyArray<string>, version: string, more: Partial<Reading> = {}): Reading => ({
  env: { HMX_HOME: "/home" },
  exists: (path) => folders.some((folder) => path === join(folder, file)),
  pythonsTorch: () => "/py/torch",
  read: (path) =>
    path === "/home/engines/torch/engine.json"
      ? `{"name":"torch","version":"2.13.0","cuda":false,"device":"cpu"}`
      : folders.some((folder) => path === join(folder, "..", "version.py"))
        ? version
        : undefined,
  flaw: () => undefined,
  bindable: () => true,
  ...more,
})

const cpu = `__all__ = ['__version__']\n__version__ = '2.13.0+cpu'\ndebug = False\ncuda: Optional[str] = None\n`
const cuda = `__version__ = '2.13.0'\ncuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n`

test("says version, CUDA and how it was found", () => {
  const own = "/home/engines/torch/torch/lib"
  expect(presentTorch(machine([own], cpu))).toEqual({
    folder: own,
    how: "hmx engine install",
    version: "2.13.0+cpu",
    cuda: undefined,
  })
  expect(presentTorch(machine(["/py/torch/lib"], cuda))).toMatchObject({
    how: "python3",
    version: "2.13.0",
    cuda: "13.0",
  })
  const named = { env: { HMX_HOME: "/home", HMX_LIBTORCH: "/x" }, read: () => undefined }
  expect(presentTorch(machine(["/x/lib"], "", named))).toEqual({
    folder: "/x/lib",
    how: "HMX_LIBTORCH",
    version: undefined,
    cuda: undefined,
  })
})

test("absence is a sentence, and so is a missing koffi", () => {
  expect(presentTorch(machine([], ""))).toMatch(/^engine torch: found no libtorch/)
  expect(presentTorch(machine(["/py/torch/lib"], cpu, { bindable: () => false }))).toMatch(/koffi/)
})

test("what create would refuse is absent here, with its reason", () => {
  const old = cpu.replace("2.13.0", "2.5.0")
  expect(presentTorch(machine(["/py/torch/lib"], old))).toMatch(/found torch 2\.5\.0\+cpu; expected PyTorch 2\.13/)
  const flaw = { flaw: () => "libc10.so cut off" }
  expect(presentTorch(machine(["/py/torch/lib"], cpu, flaw))).toMatch(/found libc10\.so cut off; expected/)
})
