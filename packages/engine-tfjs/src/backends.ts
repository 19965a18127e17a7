/** Loads a tfjs backend. Each is imported only when it is asked for. */
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

/** Every backend has these methods; its declared type has them looser. */
export function asBackend(backend: tf.KernelBackend): Backend {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return backend as unknown as Backend
}
