/** What the engine's flags mean: the module that is loaded, its options, and what the environment must say before it is. */
import type { Engine } from "./Models.ts"

export interface EngineSettings {
  readonly module: "@hmx/engine-tfjs" | "@hmx/engine-torch"
  readonly options: { readonly [name: string]: unknown }
  readonly env: { readonly [name: string]: string }
}

/** `auto` has been decided before. A variable that is set already stays. */
export const engineSettings = (
  { backend, device, engine, engineMemory, threads }: Engine & { readonly engine: Exclude<Engine["engine"], "auto"> },
  env: { readonly [name: string]: string | undefined },
): EngineSettings => {
  const common = {
    ...(threads === undefined ? {} : { threads }),
    ...(device === undefined ? {} : { device }),
    ...(engineMemory === undefined ? {} : { memory: engineMemory }),
  }
  if (engine === "torch") return { module: "@hmx/engine-torch", options: common, env: {} }
  if (engine === "tfjs") return { module: "@hmx/engine-tfjs", options: { ...common, backend }, env: {} }
  const wanted: { readonly [name: string]: string } = {
    // Its words about the processor are for those who compile it.
    TF_CPP_MIN_LOG_LEVEL: "2",
    // Else it takes the GPU's whole memory at once.
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
    ...(threads === undefined ? {} : { TF_NUM_INTRAOP_THREADS: String(threads) }),
    // It computes on the first GPU that it sees.
    ...(device === "cuda" ? {} : { CUDA_VISIBLE_DEVICES: device?.split(":")[1] ?? "-1" }),
  }
  // What a flag says goes before the environment.
  const asked = new Set([
    ...(threads === undefined ? [] : ["TF_NUM_INTRAOP_THREADS"]),
    ...(device?.includes(":") === true ? ["CUDA_VISIBLE_DEVICES"] : []),
  ])
  return {
    module: "@hmx/engine-tfjs",
    options: { ...common, device: device === undefined || device === "cpu" ? "cpu" : "cuda", backend: "tensorflow" },
    env: Object.fromEntries(Object.entries(wanted).filter(([name]) => env[name] === undefined || asked.has(name))),
  }
}

/** The engine as it calls itself: what plans of memory know it by. */
export const engineName = ({ backend, engine }: Engine): string =>
  engine === "torch" ? "torch" : engine === "tensorflow" ? "tfjs-tensorflow" : `tfjs-${backend}`

/** Engine and device as the command line asks for them: arms that are given to workers want theirs to be the same. */
export const engineAsked = (engine: Engine): string =>
  engine.engine === "auto" ? "auto" : `${engineName(engine)} on ${engine.device ?? "cpu"}`
