/** Where TensorFlow's Node binding is: a folder that was named, the user's own install, or HMX's engine folder. Nothing is loaded. */
import { engineFolder, engineManifest, EngineUnavailable, libraryFlaw, MANIFEST } from "@hmx/lm"
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

/** The binding's npm package. tfjs-node holds the same code; the GPU is used where TensorFlow lists one. */
const PACKAGE = "@tensorflow/tfjs-node-gpu"

/** The compiled part of the package, from its folder. */
export const BINARY = "lib/napi-v8/tfjs_binding.node"

export interface PresentTensorflow {
  /** The package's folder. */
  readonly folder: string
  readonly how: "HMX_TENSORFLOW" | "npm install" | "hmx engine install"
  /** TensorFlow's, where HMX installed it; undefined where only loading would tell. */
  readonly version: string | undefined
  /** Whether it was installed for CUDA; undefined where only loading would tell. */
  readonly cuda: boolean | undefined
}

/** What the search looks at: the process's own, or a test's. */
export interface Surroundings {
  readonly env: { readonly [name: string]: string | undefined }
  /** The folder of the package, as a module in that file would find it; undefined where it is not. */
  readonly resolve: (from: string) => string | undefined
  readonly exists: (path: string) => boolean
  readonly read: (path: string) => string | undefined
  /** Why a library cannot be loaded, as far as its file shows; undefined where nothing is wrong with it, or it is not there. */
  readonly flaw: (path: string) => string | undefined
  /** Files from which the user's own install is looked for. */
  readonly from: ReadonlyArray<string>
}

const here: Surroundings = {
  env: process.env,
  resolve: (from) => {
    try {
      return dirname(createRequire(from).resolve(`${PACKAGE}/package.json`))
    } catch {
      return undefined
    }
  },
  exists: existsSync,
  read: (path) => {
    try {
      return readFileSync(path, "utf8")
    } catch {
      return undefined
    }
  },
  flaw: (path) => libraryFlaw(path),
  from: [join(process.cwd(), "package.json"), import.meta.url],
}

/** What of the package is loaded: TensorFlow's own libraries have one name in the wheel and another in npm's download. */
const LIBRARIES = [
  BINARY,
  "deps/lib/libtensorflow_cc.so.2",
  "deps/lib/libtensorflow_framework.so.2",
  "deps/lib/libtensorflow.so.2",
]

export interface Search {
  /** Those that can be tried, the first one first. */
  readonly found: ReadonlyArray<PresentTensorflow>
  /** Why others cannot: to load them could end the process. */
  readonly passed: ReadonlyArray<string>
}

/** Every place where it is; those without a compiled binding are left out. */
export function findTensorflow(around: Surroundings = here): Search {
  const installed = (root: string, how: PresentTensorflow["how"]): PresentTensorflow & { readonly whole: boolean } => {
    const manifest = engineManifest(around.read(join(root, MANIFEST)))
    return {
      folder: join(root, "node_modules", PACKAGE),
      how,
      version: manifest?.version,
      cuda: manifest?.cuda,
      whole: manifest !== undefined,
    }
  }
  const named = around.env["HMX_TENSORFLOW"]
  const places =
    named !== undefined && named !== ""
      ? // Whoever names a folder says that it is whole: an install does so before it writes that it is.
        [{ ...installed(named, "HMX_TENSORFLOW"), whole: true }]
      : [
          ...[...new Set(around.from.flatMap((from) => around.resolve(from) ?? []))].map((folder) => ({
            folder,
            how: "npm install" as const,
            version: undefined,
            cuda: undefined,
            whole: true,
          })),
          installed(engineFolder("tensorflow", around.env), "hmx engine install"),
        ]
  const found: Array<PresentTensorflow> = []
  const passed: Array<string> = []
  for (const { whole, ...place } of places) {
    if (!around.exists(join(place.folder, BINARY))) continue
    const flaws = LIBRARIES.flatMap((file) => around.flaw(join(place.folder, file)) ?? [])
    const reason = whole ? flaws[0] : "an install that did not finish"
    if (reason === undefined) found.push(place)
    else passed.push(`${reason} in ${place.folder}`)
  }
  return { found, passed }
}

/** Why there is nothing. */
export const absence = (env: Surroundings["env"], passed: ReadonlyArray<string>): EngineUnavailable => {
  const named = env["HMX_TENSORFLOW"]
  const where =
    named !== undefined && named !== ""
      ? `HMX_TENSORFLOW (${named})`
      : `the working directory's packages or ${engineFolder("tensorflow", env)}`
  return new EngineUnavailable(
    "engine tensorflow",
    passed.length > 0 ? passed.join("; ") : `no compiled ${PACKAGE} in ${where}`,
    passed.length > 0 ? "a whole one: `hmx engine install tensorflow`" : "one: `hmx engine install tensorflow`",
  )
}

/** What `create` would try first, or a sentence that says why there is nothing. */
export function presentTensorflow(around: Surroundings = here): PresentTensorflow | string {
  const { found, passed } = findTensorflow(around)
  return found[0] ?? absence(around.env, passed).message
}
