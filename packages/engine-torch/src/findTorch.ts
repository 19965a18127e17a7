/** Where libtorch is: a folder that was named, HMX's own, or that of a Python which has torch. */
import { engineFolder, engineManifest, EngineUnavailable, libraryFlaw, MANIFEST } from "@hmx/lm"
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { libraryFile } from "./Natives.ts"
import { atLeast, EXPECTED, OLDEST, pythonText, versionOf } from "./version.ts"

/** What the search looks at: the process's own, or a test's. */
export interface Surroundings {
  readonly env: { readonly [name: string]: string | undefined }
  readonly exists: (path: string) => boolean
  /** Text of a file; undefined where there is none. */
  readonly read: (path: string) => string | undefined
  /** Why the libraries of a folder cannot be loaded, as far as their files show; undefined where nothing is wrong with them. */
  readonly flaw: (folder: string) => string | undefined
  /** The folder of the torch package of the Python on the path; undefined where there is none. */
  readonly pythonsTorch: () => string | undefined
}

const library = libraryFile("torch_cpu")

/** The folder with the libraries: the given one, or `lib` in it or in its `torch`. */
function within(folder: string, exists: (path: string) => boolean): string | undefined {
  return [folder, join(folder, "lib"), join(folder, "torch", "lib")].find((at) => exists(join(at, library)))
}

/** The folder, where its libraries are whole, of this platform and not too old: what is not is refused before it is loaded, which may end the process. */
function usable(folder: string, { flaw, read }: Surroundings): string {
  const version = pythonText(read(join(folder, "..", "version.py")), "__version__")
  const known = versionOf(version)
  const old = known !== undefined && !atLeast(known, OLDEST)
  const found = flaw(folder) ?? (old ? `torch ${version}` : undefined)
  if (found !== undefined) throw new EngineUnavailable(folder, found, EXPECTED)
  return folder
}

/**
 * The folder of libtorch's libraries: `HMX_LIBTORCH`, then HMX's engine folder, then Python's torch. The first one is taken, or refused if it
 * cannot be used; only an install of HMX's that did not finish is passed over.
 */
export function findTorch(around: Surroundings): string {
  const { env, exists, pythonsTorch, read } = around
  const named = env["HMX_LIBTORCH"]
  if (named !== undefined && named !== "") {
    const found = within(named, exists)
    if (found === undefined)
      throw new EngineUnavailable(
        "HMX_LIBTORCH",
        `no ${library} in ${named}`,
        "the folder of libtorch's libraries, such as site-packages/torch/lib",
      )
    return usable(found, around)
  }
  const own = engineFolder("torch", env)
  const inOwn = within(own, exists)
  if (inOwn !== undefined && engineManifest(read(join(own, MANIFEST))) !== undefined) return usable(inOwn, around)
  const python = pythonsTorch()
  const found = python === undefined ? undefined : within(python, exists)
  if (found !== undefined) return usable(found, around)
  throw new EngineUnavailable(
    "engine torch",
    inOwn === undefined
      ? `no libtorch in HMX_LIBTORCH, in ${own} or in the torch of python3`
      : `an install that did not finish in ${own}`,
    EXPECTED,
  )
}

/** What is loaded: torch's own libraries and OpenMP's, which comes with them. */
const c10 = libraryFile("c10")
const loaded = /^(?:lib)?(?:torch_cpu|torch_cuda|c10|c10_cuda|gomp|omp|iomp5)\b/

/** Looks at this process's environment, disk and Python. */
export const here: Surroundings = {
  env: process.env,
  exists: existsSync,
  read: (path) => {
    try {
      return readFileSync(path, "utf8")
    } catch {
      return undefined
    }
  },
  flaw: (folder) => {
    const names = readdirSync(folder).filter((name) => loaded.test(name) && /\.(?:so|dylib|dll)\b/.test(name))
    if (!names.includes(c10)) return `no ${c10}`
    for (const name of names) {
      const flaw = libraryFlaw(join(folder, name))
      if (flaw !== undefined) return flaw
    }
    return undefined
  },
  // The package is located, not imported: that alone would take seconds.
  pythonsTorch: () => {
    const code =
      "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
    const { status, stdout } = spawnSync("python3", ["-c", code], { encoding: "utf8", timeout: 10_000 })
    const folder = status === 0 ? stdout.trim() : ""
    return folder === "" ? undefined : folder
  },
}
