import type { Engine, EngineOptions } from "@hmx/lm"
import { EngineMisuse } from "@hmx/lm"
import type { BackendName } from "./backends.ts"
import { loadCpu, loadTensorflow } from "./backends.ts"
import { TfjsEngine } from "./TfjsEngine.ts"
import { loadWasm } from "./wasmBackend.ts"

export interface TfjsOptions extends EngineOptions {
  /** Default: wasm, with SIMD. */
  readonly backend?: BackendName
}

/** An engine on a tfjs backend. */
export async function create(options: TfjsOptions = {}): Promise<Engine> {
  const { backend = "wasm", threads } = options
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 8))
    throw new EngineMisuse(`create: threads is ${threads}; expected a whole number from 1 to 8`)
  const load = { wasm: () => loadWasm(threads), cpu: loadCpu, tensorflow: loadTensorflow }[backend]
  return new TfjsEngine(await load())
}
