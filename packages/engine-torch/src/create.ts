import type { Engine, EngineOptions } from "@hmx/lm"
import { checkMemory, EngineMisuse, EngineOutOfMemory, EngineUnavailable, machineMemory } from "@hmx/lm"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { findTorch, here } from "./findTorch.ts"
import type { Natives } from "./Natives.ts"
import { libraryFile, load } from "./Natives.ts"
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
  const engine = engineOn(natives, cuda === null ? undefined : Number(cuda[1] ?? 0), memory, compute)
  engine.trimmer = await trimmer()
  return engine
}

/** An engine of these libraries: on the CUDA device of that number, or on the processor. */
export function engineOn(
  natives: Natives,
  index: number | undefined,
  memory: number | undefined,
  compute: TorchOptions["compute"],
): TorchEngine {
  const { cpu, cuda } = natives.deviceTypes
  if (index === undefined)
    return new TorchEngine(natives, "cpu", { type: cpu, index: 0 }, memory ?? machineMemory(), compute)
  const name = `cuda:${index}`
  try {
    const most = memory ?? natives.cuda?.memory(index)?.total
    return new TorchEngine(natives, name, { type: cuda, index }, most, compute)
  } catch (error) {
    if (error instanceof EngineOutOfMemory) throw error
    throw new EngineUnavailable("device", `${name}: ${reason(error)}`, "a CUDA device of this machine, or cpu", error)
  }
}

async function loaded(folder: string, cuda: boolean): Promise<Natives> {
  const library = libraryFile("torch_cuda")
  if (cuda && !existsSync(join(folder, library)))
    throw new EngineUnavailable(
      folder,
      `a torch without CUDA (no ${library})`,
      "one that is built for it: `hmx engine install torch --cuda`, or the device cpu",
    )
  try {
    return await load(folder, cuda)
  } catch (error) {
    if (error instanceof EngineUnavailable) throw error
    const expected = cuda ? `${EXPECTED}; built for CUDA` : EXPECTED
    throw new EngineUnavailable(folder, `libraries that cannot be used (${reason(error)})`, expected, error)
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 300)
