/** Which libtorch there is, by its folder: nothing is loaded. */
import { engineFolder, EngineUnavailable } from "@hmx/lm"
import { createRequire } from "node:module"
import { join, relative } from "node:path"
import { findTorch, here, type Surroundings } from "./findTorch.ts"
import { pythonText } from "./version.ts"

export interface PresentTorch {
  /** Folder of the libraries. */
  readonly folder: string
  readonly how: "HMX_LIBTORCH" | "hmx engine install" | "python3"
  /** As the wheel says it, such as 2.13.0+cpu; undefined for a libtorch without its Python package. */
  readonly version: string | undefined
  /** The CUDA that the wheel was built for, such as 13.0. */
  readonly cuda: string | undefined
}

export interface Reading extends Surroundings {
  /** Whether koffi, an optional dependency, is there. */
  readonly bindable: () => boolean
}

const thisProcess: Reading = {
  ...here,
  bindable: () => {
    try {
      createRequire(import.meta.url).resolve("koffi")
      return true
    } catch {
      return false
    }
  },
}

/** The libtorch that `create` would load, or a sentence that says why there is none. */
export function presentTorch(around: Reading = thisProcess): PresentTorch | string {
  try {
    const folder = findTorch(around)
    if (!around.bindable())
      return "the package koffi, which calls libtorch, is not installed: `npm install koffi` brings it"
    const within = relative(engineFolder("torch", around.env), folder)
    const named = around.env["HMX_LIBTORCH"]
    const how =
      named !== undefined && named !== ""
        ? "HMX_LIBTORCH"
        : within === "" || !within.startsWith("..")
          ? "hmx engine install"
          : "python3"
    const source = around.read(join(folder, "..", "version.py"))
    return { folder, how, version: pythonText(source, "__version__"), cuda: pythonText(source, "cuda") }
  } catch (error) {
    if (error instanceof EngineUnavailable) return error.message
    throw error
  }
}
