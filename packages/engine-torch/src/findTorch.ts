/** Where libtorch is: a folder that was named, HMX's own, or that of a Python which has torch. */
import { engineFolder, EngineUnavailable } from "@hmx/lm"
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { EXPECTED } from "./version.ts"

/** What the search looks at: the process's own, or a test's. */
export interface Surroundings {
  readonly env: { readonly [name: string]: string | undefined }
  readonly exists: (path: string) => boolean
  /** The folder of the torch package of the Python on the path; undefined where there is none. */
  readonly pythonsTorch: () => string | undefined
}

const library =
  { win32: "torch_cpu.dll", darwin: "libtorch_cpu.dylib" }[process.platform as string] ?? "libtorch_cpu.so"

/** The folder with the libraries: the given one, or `lib` in it or in its `torch`. */
function within(folder: string, exists: (path: string) => boolean): string | undefined {
  return [folder, join(folder, "lib"), join(folder, "torch", "lib")].find((at) => exists(join(at, library)))
}

/** The folder of libtorch's libraries: `HMX_LIBTORCH`, then HMX's engine folder, then Python's torch. */
export function findTorch({ env, exists, pythonsTorch }: Surroundings): string {
  const named = env["HMX_LIBTORCH"]
  if (named !== undefined && named !== "") {
    const found = within(named, exists)
    if (found === undefined)
      throw new EngineUnavailable(
        "HMX_LIBTORCH",
        `no ${library} in ${named}`,
        "the folder of libtorch's libraries, such as site-packages/torch/lib",
      )
    return found
  }
  const own = engineFolder("torch", env)
  const python = () => {
    const folder = pythonsTorch()
    return folder === undefined ? undefined : within(folder, exists)
  }
  const found = within(own, exists) ?? python()
  if (found === undefined)
    throw new EngineUnavailable(
      "engine torch",
      `no libtorch in HMX_LIBTORCH, in ${own} or in the torch of python3`,
      EXPECTED,
    )
  return found
}

/** Looks at this process's environment, disk and Python. */
export const here: Surroundings = {
  env: process.env,
  exists: existsSync,
  // The package is located, not imported: that alone would take seconds.
  pythonsTorch: () => {
    const code =
      "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
    const { status, stdout } = spawnSync("python3", ["-c", code], { encoding: "utf8", timeout: 10_000 })
    const folder = status === 0 ? stdout.trim() : ""
    return folder === "" ? undefined : folder
  },
}
