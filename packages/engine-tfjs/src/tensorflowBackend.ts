/** TensorFlow's own library through tfjs's Node binding: the user's own install where it loads, else HMX's engine folder. */
import { createRequire } from "node:module"
import { availableParallelism, constants } from "node:os"
import { join } from "node:path"
import * as util from "node:util"
import { isMainThread } from "node:worker_threads"
import { EngineMisuse, EngineUnavailable } from "@hmx/lm"
import * as tf from "@tensorflow/tfjs-core"
import type { KernelBackend } from "@tensorflow/tfjs-core"
import { asBackend, kernelOf } from "./backends.ts"
import type { Loaded } from "./Device.ts"
import { absence, BINARY, findTensorflow, type PresentTensorflow } from "./findTensorflow.ts"

export interface TensorflowOptions {
  readonly threads?: number | undefined
  readonly device?: "cpu" | "cuda" | `cuda:${number}` | undefined
}

/** As the record names it: a GPU by the number that it was asked for with. */
export const deviceName = (gpu: boolean, asked: TensorflowOptions["device"]): string =>
  !gpu ? "cpu" : asked?.includes(":") === true ? asked : "cuda:0"

interface Binding {
  readonly backend: () => KernelBackend
}

/** Of the environment, which TensorFlow reads when it starts: a worker's `process.env` is a copy that it does not see. */
const THREADS = "TF_NUM_INTRAOP_THREADS"

/**
 * Rows of a product and elements of a function that TensorFlow's CPU kernels compute alike (measured with 2.21, widths from 24 to 2048, one and
 * two threads): the vector code's blocks.
 */
const BLOCKS = { rows: 24, elements: 16 }

export async function loadTensorflow({ device, threads }: TensorflowOptions): Promise<Loaded> {
  const set = Number(process.env[THREADS])
  if (threads !== undefined && threads !== set)
    throw new EngineMisuse(
      `create: threads is ${threads}; TensorFlow reads ${THREADS} before the first engine is made: set it to ${threads}`,
    )
  const { backend, how } = firstThatLoads()
  const gpu = "isUsingGpuDevice" in backend && backend.isUsingGpuDevice === true
  if (device !== undefined && gpu !== (device !== "cpu"))
    throw new EngineUnavailable(
      "engine tensorflow",
      gpu ? "a GPU, which it uses" : `no GPU that it can use (${how})`,
      gpu
        ? "CUDA_VISIBLE_DEVICES=-1 for a run on the CPU"
        : "an NVIDIA driver and `hmx engine install tensorflow --cuda`, or the device cpu",
    )
  const kernel = kernelOf("tensorflow")
  const view = kernel("Reshape")
  return {
    name: "tensorflow",
    version: versionOf(backend),
    device: deviceName(gpu, device),
    threads: set > 0 ? set : availableParallelism(),
    backend: asBackend(backend),
    kernel,
    ...(view === undefined ? {} : { view }),
    ...(gpu ? {} : { blocks: BLOCKS }),
    // One binding a process; it ends with it.
    close: () => {},
  }
}

/** Of glibc's dlopen: the library stays when the last one who loaded it is gone. */
const RTLD_NODELETE = 0x1000

/**
 * Node unloads a binding with the thread that loaded it; TensorFlow's own threads go on, into memory that is no longer there, and the process
 * ends with a segmentation fault. So it stays until the process ends.
 */
function pin(file: string): void {
  if (process.platform === "linux" && !isMainThread)
    process.dlopen({ exports: {} }, file, constants.dlopen.RTLD_LAZY | RTLD_NODELETE)
}

/** The binding brings a copy of tfjs, which sets this one's platform to the same once more, and says so unless tfjs is in production. */
function quietly<A>(load: () => A): A {
  const before = tf.env().getBool("PROD")
  tf.env().set("PROD", true)
  try {
    return load()
  } finally {
    tf.env().set("PROD", before)
  }
}

function firstThatLoads(): { readonly backend: KernelBackend; readonly how: PresentTensorflow["how"] } {
  const require = createRequire(import.meta.url)
  // The binding calls two helpers that Node 23 took out of `util`.
  const legacy = { isNullOrUndefined: (v: unknown) => v === null || v === undefined, isArray: Array.isArray }
  for (const [key, helper] of Object.entries(legacy))
    if (!(key in util)) Object.assign(require("node:util"), { [key]: helper })
  const { found, passed } = findTensorflow()
  const reasons = [...passed]
  for (const { folder, how } of found) {
    try {
      pin(join(folder, BINARY))
      const binding = quietly((): Binding => require(folder))
      return { backend: binding.backend(), how }
    } catch (error) {
      const reason = error instanceof Error ? error.message.split("\n")[0] : String(error)
      reasons.push(`${folder} does not load (${reason?.slice(0, 300)})`)
    }
  }
  if (found.length === 0) throw absence(process.env, passed)
  throw new EngineUnavailable(
    "engine tensorflow",
    reasons.join("; "),
    "a binding that does: `hmx engine install tensorflow`",
  )
}

/** TensorFlow's own version: the binding's says nothing of what computes. */
function versionOf(backend: KernelBackend): string {
  const binding: unknown = "binding" in backend ? backend.binding : undefined
  const found: unknown =
    typeof binding === "object" && binding !== null && "TF_Version" in binding ? binding.TF_Version : undefined
  return typeof found === "string" ? found : ""
}
