import type { Engine, EngineOptions } from "@hmx/lm"
import { checkMemory, EngineMisuse, gpuMemory, machineMemory } from "@hmx/lm"
import type { BackendName } from "./backends.ts"
import { loadCpu } from "./backends.ts"
import { loadTensorflow } from "./tensorflowBackend.ts"
import { TfjsEngine } from "./TfjsEngine.ts"
import { loadWasm } from "./wasmBackend.ts"

export interface TfjsOptions extends EngineOptions {
  /** Default: wasm, with SIMD. */
  readonly backend?: BackendName
  /**
   * Default: cpu; of tensorflow, the GPU where it finds one. The other is then an error. TensorFlow computes on the first GPU that
   * `CUDA_VISIBLE_DEVICES` leaves to it: the number in `cuda:N` is what whoever set that calls it.
   */
  readonly device?: "cpu" | "cuda" | `cuda:${number}`
}

/** An engine on a tfjs backend. */
export async function create(options: TfjsOptions = {}): Promise<Engine> {
  const { backend = "wasm", device, memory, threads } = options
  checkMemory(memory)
  const most = backend === "tensorflow" ? 512 : 8
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= most))
    throw new EngineMisuse(`create: threads is ${threads}; expected a whole number from 1 to ${most}`)
  const gpu = /^cuda(:\d{1,3})?$/.test(device ?? "")
  if (device !== undefined && device !== "cpu" && !(backend === "tensorflow" && gpu))
    throw new EngineMisuse(
      `create: device is ${device}; expected cpu${backend === "tensorflow" ? " or cuda" : `, the only one of ${backend}`}`,
    )
  const load = { wasm: () => loadWasm(threads), cpu: loadCpu, tensorflow: () => loadTensorflow({ device, threads }) }[
    backend
  ]
  const loaded = await load()
  // Its numbers are the device's, not the machine's.
  const room = loaded.device === "cpu" ? machineMemory() : gpuMemory(process.env)
  return new TfjsEngine(loaded, memory ?? room)
}
