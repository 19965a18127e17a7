/**
 * Starts the threaded build of tfjs's wasm backend on Node. tfjs says no to threads on Node because its start-up hands
 * browser blobs to workers. The emscripten module inside can do it: it is called here directly, with the worker as a file
 * (`pthread.cjs`) and the main script as a path. What emscripten leaves in the process is taken back: the global `Worker`, and handlers that would turn
 * anybody's unhandled rejection into an exception of its own.
 */
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import type { Worker } from "node:worker_threads"
import type { Bridge, ThreadPool, WasmModule } from "./WasmModule.ts"

/** Node has it; the types of a project without the browser's do not. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ readonly instance: object; readonly module: object }>
}

interface Configuration {
  mainScriptUrlOrBlob: string
  locateFile: (file: string) => string
  instantiateWasm: (
    imports: { readonly env: Record<string, unknown> },
    receive: (instance: object, module: object) => void,
  ) => object
  /** Set by emscripten before it asks for the instance. */
  PThread?: ThreadPool
}

const script = "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.js"
const startLimit = 10_000

/** The threaded module with `threads` − 1 workers loaded (XNNPACK computes on the caller's thread too). */
export async function threadedModule(threads: number): Promise<WasmModule> {
  const require = createRequire(import.meta.url)
  const factory: (configuration: Configuration) => Promise<WasmModule> = require(script)
  const main = require.resolve(script)
  const bytes = await readFile(main.replace(/\.js$/, ".wasm"))
  const workers: Array<Worker> = []
  let timer: NodeJS.Timeout | undefined
  try {
    const module = await new Promise<WasmModule>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error("wasm threads did not start in time")), startLimit)
      const configuration: Configuration = {
        mainScriptUrlOrBlob: main,
        locateFile: (file) =>
          file.endsWith(".worker.js") ? fileURLToPath(new URL("./pthread.cjs", import.meta.url)) : file,
        instantiateWasm: (imports, receive) => {
          const pool = configuration.PThread
          if (pool === undefined) throw new Error("tfjs's wasm module has no thread pool")
          // Eight are made whatever is asked for.
          for (const surplus of pool.unusedWorkers.splice(threads - 1)) void surplus.terminate()
          for (const worker of pool.unusedWorkers) {
            workers.push(worker)
            // emscripten's own handler throws into the event loop, where nobody can answer.
            Object.defineProperty(worker, "onerror", { get: () => reject, set: () => {} })
          }
          // tfjs takes half of the cores at most; here the caller has decided.
          imports.env["emscripten_num_logical_cores"] = () => 2 * threads
          WebAssembly.instantiate(bytes, imports).then(({ instance, module }) => receive(instance, module), reject)
          return {}
        },
      }
      factory(configuration).then(resolve, reject)
    })
    module.tfjs = bridge(module)
    return module
  } catch (error) {
    for (const worker of workers) void worker.terminate()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** What tfjs puts on the module after its own start-up. */
function bridge(module: WasmModule): Bridge {
  const call = (name: string, takes: number) =>
    module.cwrap(
      name,
      null,
      Array.from({ length: takes }, () => "number"),
    )
  return {
    init: call("init", 0),
    initWithThreadsCount: call("init_with_threads_count", 1),
    getThreadsCount: module.cwrap("get_threads_count", "number", []),
    registerTensor: call("register_tensor", 3),
    disposeData: call("dispose_data", 1),
    dispose: call("dispose", 0),
  }
}

/** Lets the process end while the pool waits for work. */
export function unrefThreads(module: WasmModule): void {
  for (const worker of module.PThread?.runningWorkers ?? []) worker.unref()
}

/** Ends the workers. tfjs's own way puts running ones back into a pool, which then is not ended. */
export async function endThreads(module: WasmModule): Promise<void> {
  if (module.PThread === undefined) return
  const { runningWorkers, unusedWorkers } = module.PThread
  await Promise.all([...runningWorkers.splice(0), ...unusedWorkers.splice(0)].map((worker) => worker.terminate()))
}

/** Runs the start-up of an emscripten module and takes back what it leaves in the process. */
export async function leavingNoTrace<A>(start: () => Promise<A>): Promise<A> {
  const events = ["uncaughtException", "unhandledRejection"] as const
  const before = new Map(events.map((event) => [event, process.rawListeners(event)]))
  const worker = Object.getOwnPropertyDescriptor(globalThis, "Worker")
  try {
    return await start()
  } finally {
    if (worker === undefined) Reflect.deleteProperty(globalThis, "Worker")
    else Object.defineProperty(globalThis, "Worker", worker)
    for (const event of events)
      for (const listener of process.rawListeners(event))
        if (before.get(event)?.includes(listener) !== true)
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion
          process.removeListener(event, listener as () => void)
  }
}
