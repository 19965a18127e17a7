/** Loads a tfjs backend. Each is imported only when it is asked for. */
import { createRequire } from "node:module"
import * as util from "node:util"
import * as tf from "@tensorflow/tfjs-core"
import type { Backend, Kernel, Loaded } from "./Device.ts"

export type BackendName = "wasm" | "cpu" | "tensorflow"

/** A kernel by name. tfjs types what its kernels take as `{}`. */
export function kernelOf(backend: string): (name: string) => Kernel | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (name) => tf.getKernel(name, backend)?.kernelFunc as Kernel | undefined
}

/** The plain JavaScript backend: slow, and right. */
export async function loadCpu(): Promise<Loaded> {
  const cpu = await import("@tensorflow/tfjs-backend-cpu")
  const backend = new cpu.MathBackendCPU()
  // tfjs advertises another package on the first use.
  Object.assign(backend, { firstUse: false })
  return {
    name: "cpu",
    version: cpu.version_cpu,
    device: "cpu",
    threads: 1,
    backend: asBackend(backend),
    kernel: kernelOf("cpu"),
    close: () => backend.dispose(),
  }
}

/** TensorFlow's own library through tfjs's Node binding, where the user has installed it. */
export async function loadTensorflow(): Promise<Loaded> {
  const name = "@tensorflow/tfjs-node-gpu"
  const require = createRequire(import.meta.url)
  // The binding calls two helpers that Node 23 took out of `util`.
  const legacy = { isNullOrUndefined: (v: unknown) => v === null || v === undefined, isArray: Array.isArray }
  for (const [key, helper] of Object.entries(legacy))
    if (!(key in util)) Object.assign(require("node:util"), { [key]: helper })
  let binding: { readonly version: Readonly<Record<string, string>>; readonly backend: () => tf.KernelBackend }
  try {
    binding = require(name)
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error)
    throw new Error(
      `The tensorflow backend needs the package ${name} with a TensorFlow library it can load: \`npm install ${name}\` (${reason})`,
      { cause: error },
    )
  }
  const backend = binding.backend()
  return {
    name: "tensorflow",
    version: binding.version["tfjs-node"] ?? "",
    device: "isUsingGpuDevice" in backend && backend.isUsingGpuDevice === true ? "cuda:0" : "cpu",
    threads: 1,
    backend: asBackend(backend),
    kernel: kernelOf("tensorflow"),
    // One binding a process; it ends with it.
    close: () => {},
  }
}

/** Every backend has these methods; its declared type has them looser. */
export function asBackend(backend: tf.KernelBackend): Backend {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return backend as unknown as Backend
}
