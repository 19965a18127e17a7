/** NVIDIA GPUs, as their driver's nvidia-smi lists them. */
import * as Effect from "effect/Effect"
import { Machine } from "../engine/Machine.ts"

export interface Gpu {
  readonly name: string
  readonly driver: string
  /** Bytes. */
  readonly memory: number
  readonly free: number
}

/** Of nvidia-smi's CSV without head and units (MiB). Lines that say something else are left out. */
export const parseGpus = (csv: string): ReadonlyArray<Gpu> =>
  csv.split("\n").flatMap((line) => {
    const [name = "", driver = "", memory = "", free = ""] = line.split(",").map((cell) => cell.trim())
    const bytes = Number(memory) * 2 ** 20
    return name === "" || !(bytes > 0) ? [] : [{ name, driver, memory: bytes, free: Number(free) * 2 ** 20 }]
  })

export const gpus = Effect.gen(function* () {
  const { run } = yield* Machine
  const query = ["--query-gpu=name,driver_version,memory.total,memory.free", "--format=csv,noheader,nounits"]
  const { code, out } = yield* run("nvidia-smi", query, { timeout: 1500 })
  return code === 0 ? parseGpus(out) : []
})
