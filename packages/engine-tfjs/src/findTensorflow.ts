/** Where TensorFlow's Node binding is: a folder that was named, the user's own install, or HMX's engine folder. Nothing is loaded. */
import { engineFolder, EngineUnavailable } from "@hmx/lm"
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
  from: [join(process.cwd(), "package.json"), import.meta.url],
}

const record = (text: string | undefined): { readonly version?: unknown; readonly cuda?: unknown } => {
  try {
    const found: unknown = JSON.parse(text ?? "")
    return typeof found === "object" && found !== null ? found : {}
  } catch {
    return {}
  }
}

/** Every place where it is, the first one to be tried first; those without a compiled binding are left out. */
export function findTensorflow(around: Surroundings = here): ReadonlyArray<PresentTensorflow> {
  const installed = (root: string, how: PresentTensorflow["how"]): ReadonlyArray<PresentTensorflow> => {
    const { cuda, version } = record(around.read(join(root, "engine.json")))
    return [
      {
        folder: join(root, "node_modules", PACKAGE),
        how,
        version: typeof version === "string" ? version : undefined,
        cuda: typeof cuda === "boolean" ? cuda : undefined,
      },
    ]
  }
  const named = around.env["HMX_TENSORFLOW"]
  const places =
    named !== undefined && named !== ""
      ? installed(named, "HMX_TENSORFLOW")
      : [
          ...[...new Set(around.from.flatMap((from) => around.resolve(from) ?? []))].map((folder) => ({
            folder,
            how: "npm install" as const,
            version: undefined,
            cuda: undefined,
          })),
          ...installed(engineFolder("tensorflow", around.env), "hmx engine install"),
        ]
  return places.filter(({ folder }) => around.exists(join(folder, BINARY)))
}

/** Why there is nothing. */
export const absence = (env: Surroundings["env"]): EngineUnavailable => {
  const named = env["HMX_TENSORFLOW"]
  const where =
    named !== undefined && named !== ""
      ? `HMX_TENSORFLOW (${named})`
      : `the working directory's packages or ${engineFolder("tensorflow", env)}`
  return new EngineUnavailable(
    "engine tensorflow",
    `no compiled ${PACKAGE} in ${where}`,
    "one: `hmx engine install tensorflow`",
  )
}

/** What `create` would try first, or a sentence that says why there is nothing. */
export function presentTensorflow(around: Surroundings = here): PresentTensorflow | string {
  return findTensorflow(around)[0] ?? absence(around.env).message
}
