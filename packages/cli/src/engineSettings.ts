/** What the engine's flags mean: the module that is loaded, its options, and what the environment must say before it is. */
import type { Engine } from "./Models.ts"

export interface EngineSettings {
  readonly module: "@hmx/engine-tfjs" | "@hmx/engine-torch"
  readonly options: { readonly [name: string]: unknown }
  readonly env: { readonly [name: string]: string }
}

type Env = { readonly [name: string]: string | undefined }

const VISIBLE = "CUDA_VISIBLE_DEVICES"

/** The GPUs that the user's environment leaves to a program, as it names them; undefined where it says nothing: all. */
const visible = (env: Env): ReadonlyArray<string> | undefined => {
  const names = env[VISIBLE]?.split(",").map((name) => name.trim())
  // CUDA stops at the first that is none.
  const end = names?.findIndex((name) => name === "" || name.startsWith("-")) ?? -1
  return end === -1 ? names : names?.slice(0, end)
}

const numberOf = (device: Engine["device"]): number | undefined => {
  const n = device?.split(":")[1]
  return n === undefined ? undefined : Number(n)
}

/** What of the flags the engine does not have, before anything is loaded; undefined where all is well. */
export const engineFlaw = (
  { backend, compute, device, engine }: Engine,
  env: Env,
): { readonly where: string; readonly found: string; readonly expected: string } | undefined => {
  if (backend !== undefined && engine !== "tfjs")
    return { where: "--backend", found: `${backend} with the engine ${engine}`, expected: "it with the engine tfjs" }
  if (compute === "stored" && (engine === "tfjs" || engine === "tensorflow"))
    return { where: "--compute", found: `stored with the engine ${engine}`, expected: "f32, which it computes in" }
  const [n, seen] = [numberOf(device), visible(env)]
  if (engine === "tensorflow" && n !== undefined && seen !== undefined && seen[n] === undefined)
    return { where: "--device", found: `${device}`, expected: `one of the GPUs in ${VISIBLE}=${env[VISIBLE] ?? ""}` }
  return undefined
}

/** `auto` has been decided before, and the flags have no flaw. A variable that is set already stays. */
export const engineSettings = (
  {
    backend = "wasm",
    compute,
    device,
    engine,
    engineMemory,
    threads,
  }: Engine & {
    readonly engine: Exclude<Engine["engine"], "auto">
  },
  env: Env,
): EngineSettings => {
  const common = {
    ...(threads === undefined ? {} : { threads }),
    ...(device === undefined ? {} : { device }),
    ...(engineMemory === undefined ? {} : { memory: engineMemory }),
  }
  if (engine === "torch")
    return {
      module: "@hmx/engine-torch",
      options: { ...common, ...(compute === undefined ? {} : { compute }) },
      env: {},
    }
  if (engine === "tfjs") return { module: "@hmx/engine-tfjs", options: { ...common, backend }, env: {} }
  const n = numberOf(device)
  // It computes on the first GPU that it sees.
  const only = n === undefined ? "-1" : (visible(env)?.[n] ?? String(n))
  const wanted: { readonly [name: string]: string } = {
    // Its words about the processor are for those who compile it.
    TF_CPP_MIN_LOG_LEVEL: "2",
    // Else it takes the GPU's whole memory at once.
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
    ...(threads === undefined ? {} : { TF_NUM_INTRAOP_THREADS: String(threads) }),
    ...(device === "cuda" ? {} : { [VISIBLE]: only }),
  }
  // What a flag says goes before the environment.
  const asked = new Set([
    ...(threads === undefined ? [] : ["TF_NUM_INTRAOP_THREADS"]),
    ...(n === undefined ? [] : [VISIBLE]),
  ])
  return {
    module: "@hmx/engine-tfjs",
    options: { ...common, device: device ?? "cpu", backend: "tensorflow" },
    env: Object.fromEntries(Object.entries(wanted).filter(([name]) => env[name] === undefined || asked.has(name))),
  }
}

/** The engine as it calls itself: what plans of memory know it by. */
export const engineName = ({ backend = "wasm", engine }: Engine): string =>
  engine === "torch" ? "torch" : engine === "tensorflow" ? "tfjs-tensorflow" : `tfjs-${backend}`

/** Engine, device and type of products as the command line asks for them: arms that are given to workers want theirs to be the same. */
export const engineAsked = (engine: Engine): string => {
  const { compute, device } = engine
  const products = compute === undefined ? "" : ` in ${compute}`
  if (engine.engine === "auto") return `auto${products}`
  return `${engineName(engine)} on ${device ?? "cpu"}${products}`
}
