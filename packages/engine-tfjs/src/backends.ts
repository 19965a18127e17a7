/** Loads a tfjs backend. Each is imported only when it is asked for. */
import { createRequire } from "node:module"
import * as util from "node:util"
import * as tf from "@tensorflow/tfjs-core"
import type { Backend, Kernel, Loaded } from "./Device.ts"

export type BackendName = "wasm" | "cpu" | "tensorflow"

/** A kernel by name. The types of tfjs say `{}` for what its kernels really take: `Kernel`. */
function kernelOf(backend: string): (name: string) => Kernel | undefined {
  return (name) => tf.getKernel(name, backend)?.kernelFunc as Kernel | undefined
}

async function activate(name: string): Promise<Backend> {
  if (!(await tf.setBackend(name))) throw new Error(`tfjs could not start its ${name} backend`)
  await tf.ready()
  // A KernelBackend has these methods; its type leaves `write` loose.
  return tf.backend() as unknown as Backend
}

export async function loadWasm(): Promise<Loaded> {
  const wasm = await import("@tensorflow/tfjs-backend-wasm")
  const backend = await activate("wasm")
  const own = backend as unknown as InstanceType<typeof wasm.BackendWasm>
  return {
    name: "wasm",
    version: wasm.version_wasm,
    device: "cpu",
    threads: wasm.getThreadsCount(),
    backend,
    kernel: kernelOf("wasm"),
    view: (dataId, size, dtype) => {
      const values = own.typedArrayFromHeap({ dataId, shape: [size], dtype })
      // The backend answers in the dtype that it was asked for, and "bool" never is.
      return values as Float32Array | Int32Array
    },
    close: () => tf.removeBackend("wasm"),
  }
}

export async function loadCpu(): Promise<Loaded> {
  const cpu = await import("@tensorflow/tfjs-backend-cpu")
  const backend = await activate("cpu")
  return {
    name: "cpu",
    version: cpu.version_cpu,
    device: "cpu",
    threads: 1,
    backend,
    kernel: kernelOf("cpu"),
    view: undefined,
    close: () => {},
  }
}

export async function loadTensorflow(): Promise<Loaded> {
  // The binding calls two helpers that Node 23 took out of `util`.
  const old = util as unknown as { isNullOrUndefined?: (v: unknown) => boolean; isArray?: (v: unknown) => boolean }
  void old
  const require = createRequire(import.meta.url)
  const node = require("@tensorflow/tfjs-node-gpu") as { version: { "tfjs-node": string } }
  const backend = await activate("tensorflow")
  const gpu = (backend as unknown as { isUsingGpuDevice: boolean }).isUsingGpuDevice
  return {
    name: "tensorflow",
    version: node.version["tfjs-node"],
    device: gpu ? "cuda:0" : "cpu",
    threads: 1,
    backend,
    kernel: kernelOf("tensorflow"),
    view: undefined,
    close: () => {},
  }
}
