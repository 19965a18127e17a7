import type { Engine, EngineOptions } from "@hmx/lm"
import type { BackendName } from "./backends.ts"
import { loadCpu, loadTensorflow, loadWasm } from "./backends.ts"
import { TfjsEngine } from "./TfjsEngine.ts"

export interface TfjsOptions extends EngineOptions {
  /** Default: wasm, with SIMD. */
  readonly backend?: BackendName
}

/** An engine on a tfjs backend. */
export async function create(options: TfjsOptions = {}): Promise<Engine> {
  const { backend = "wasm" } = options
  const load = { wasm: loadWasm, cpu: loadCpu, tensorflow: loadTensorflow }[backend]
  return new TfjsEngine(await load())
}
