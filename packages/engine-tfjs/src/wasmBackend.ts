/**
 * The wasm backend, one a process (a worker thread counts as one): tfjs's kernels hold pointers into a single module. Engines
 * that are open together share it.
 */
import { availableParallelism } from "node:os"
import * as tf from "@tensorflow/tfjs-core"
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm"
import { EngineOutOfMemory } from "@hmx/lm"
import { asBackend, kernelOf } from "./backends.ts"
import type { Loaded } from "./Device.ts"
import { WasmHeap } from "./WasmHeap.ts"
import type { WasmModule } from "./WasmModule.ts"
import { wasmModule } from "./WasmModule.ts"
import { endThreads, leavingNoTrace, threadedModule, unrefThreads } from "./wasmThreads.ts"

interface Shared {
  readonly backend: BackendWasm
  readonly heap: WasmHeap
  readonly version: string
  readonly threads: number
  readonly end: () => void
  users: number
}

let shared: Promise<Shared> | undefined

/**
 * `threads` undefined: half of the cores, four at most, as tfjs does in browsers. XNNPACK meets its threads several times a
 * millisecond, so that two on two cores gain a third in training while nothing else runs, and lose a factor of five when
 * anything does.
 */
export async function loadWasm(threads: number | undefined): Promise<Loaded> {
  const wanted = threads ?? Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)))
  shared ??= start(wanted).catch((error: unknown) => {
    shared = undefined
    throw error
  })
  const own = await shared
  if (threads !== undefined && threads !== own.threads && own.users > 0)
    throw new Error(
      `tfjs's wasm backend runs with ${own.threads} threads in this process, and ${threads} are asked for: close the other engine first`,
    )
  own.users += 1
  return {
    name: "wasm",
    version: own.version,
    device: "cpu",
    threads: own.threads,
    backend: asBackend(own.backend),
    kernel: kernelOf("wasm"),
    heap: own.heap,
    close: () => {
      own.users -= 1
      if (own.users > 0) return
      shared = undefined
      own.end()
    },
  }
}

async function start(threads: number): Promise<Shared> {
  const wasm = await import("@tensorflow/tfjs-backend-wasm")
  const backend = (threads > 1 ? await threaded(wasm, threads) : undefined) ?? (await single(wasm))
  guardMemory(wasmModule(backend))
  for (const kernel of tf.getKernelsForBackend("wasm")) kernel.setupFunc?.(backend)
  return {
    backend,
    heap: new WasmHeap(backend),
    version: wasm.version_wasm,
    threads: wasm.getThreadsCount(),
    end: () => {
      const module = wasmModule(backend)
      module.tfjs.dispose()
      void endThreads(module)
    },
    users: 0,
  }
}

type Wasm = typeof import("@tensorflow/tfjs-backend-wasm")

/** tfjs's own way: one thread, with SIMD where the processor has it. */
async function single(wasm: Wasm): Promise<BackendWasm> {
  wasm.setThreadsCount(1)
  const backend = await leavingNoTrace(async () => tf.findBackendFactory("wasm")())
  if (!(backend instanceof wasm.BackendWasm)) throw new Error("tfjs could not start its wasm backend")
  return backend
}

/** Undefined if the threads do not start: the engine's info then says one thread. */
async function threaded(wasm: Wasm, threads: number): Promise<BackendWasm | undefined> {
  try {
    const module = await leavingNoTrace(() => threadedModule(threads))
    wasm.setThreadsCount(threads)
    const backend = new wasm.BackendWasm(module)
    unrefThreads(module)
    return backend
  } catch {
    return undefined
  }
}

/** tfjs does not look at what `malloc` answers, and writes to address 0 when the heap is full. */
function guardMemory(wasm: WasmModule): void {
  // emscripten replaces its function by the real one when it is first called.
  wasm._free(wasm._malloc(16))
  const malloc = wasm._malloc.bind(wasm)
  wasm._malloc = (bytes) => {
    const address = bytes < 2 ** 32 ? malloc(bytes) : 0
    if (address === 0 && bytes > 0) throw new EngineOutOfMemory(bytes, "the wasm heap")
    return address
  }
}
