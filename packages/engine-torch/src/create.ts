import type { Engine, EngineOptions } from "@hmx/lm"
import { checkMemory, EngineMisuse, EngineOutOfMemory, EngineUnavailable, machineMemory } from "@hmx/lm"
import { findTorch, here } from "./findTorch.ts"
import type { Natives } from "./Natives.ts"
import { load } from "./Natives.ts"
import { TorchEngine } from "./TorchEngine.ts"
import { trimmer } from "./trimmer.ts"
import { EXPECTED } from "./version.ts"

export interface TorchOptions extends EngineOptions {
  /** Default: cpu. `cuda` is the first device. The path through CUDA is written from torch's headers and has not been run. */
  readonly device?: "cpu" | "cuda" | `cuda:${number}`
  /** What products with bf16 and f16 weights are computed in: f32, or the type they are stored in. Default: what the machine is fast at. */
  readonly compute?: "f32" | "stored"
}

/** An engine on libtorch: found on this machine, loaded into this thread. */
export async function create(options: TorchOptions = {}): Promise<Engine> {
  const { compute, device = "cpu", memory, threads } = options
  checkMemory(memory)
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 512))
    throw new EngineMisuse(`create: threads is ${threads}; expected a whole number from 1 to 512`)
  const cuda = /^cuda(?::(\d{1,3}))?$/.exec(device)
  if (cuda === null && device !== "cpu")
    throw new EngineMisuse(`create: device is ${device}; expected cpu, cuda or cuda:N`)
  const folder = findTorch(here)
  const natives = await loaded(folder, cuda !== null)
  // Torch's default is one thread a physical core.
  if (threads !== undefined) natives.setThreads(threads)
  // A thread begins with recording on; here it is on inside vjp only.
  natives.setGradMode(false)
  const index = Number(cuda?.[1] ?? 0)
  const placement = { type: cuda === null ? natives.deviceTypes.cpu : natives.deviceTypes.cuda, index }
  const name = cuda === null ? "cpu" : `cuda:${index}`
  try {
    const limit = memory ?? (cuda === null ? machineMemory() : undefined)
    const engine = new TorchEngine(natives, name, placement, limit, compute)
    engine.trimmer = await trimmer()
    return engine
  } catch (error) {
    if (cuda === null || error instanceof EngineOutOfMemory) throw error
    throw new EngineUnavailable("device", `${name}: ${reason(error)}`, "a CUDA device of this machine, or cpu", error)
  }
}

async function loaded(folder: string, cuda: boolean): Promise<Natives> {
  try {
    return await load(folder, cuda)
  } catch (error) {
    if (error instanceof EngineUnavailable) throw error
    const expected = cuda ? `${EXPECTED}; built for CUDA` : EXPECTED
    throw new EngineUnavailable(folder, `libraries that cannot be used (${reason(error)})`, expected, error)
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 300)
