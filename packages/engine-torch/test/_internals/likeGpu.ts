/** An engine that takes the processor for a GPU: what it does there runs here, with the copies between two memories, and none of CUDA's own kernels. */
import { checkMemory } from "@hmx/lm"
import { engineOn } from "../../src/create.ts"
import type { ComputeType } from "../../src/computeType.ts"
import { findTorch, here } from "../../src/findTorch.ts"
import type { Natives } from "../../src/Natives.ts"
import { load } from "../../src/Natives.ts"
import type { TorchEngine } from "../../src/TorchEngine.ts"

/** A type of device that torch does not know: the host's, as the engine sees it. */
const HOST = 99

export interface Pretended {
  readonly memory?: number
  readonly compute?: ComputeType["dtype"]
  readonly cuda?: Natives["cuda"]
}

export const likeGpu = async (options: Pretended = {}): Promise<TorchEngine> => {
  checkMemory(options.memory)
  const natives = await load(findTorch(here), false)
  natives.setGradMode(false)
  const { cpu } = natives.deviceTypes
  const fake: Natives = {
    ...natives,
    deviceTypes: { cpu: HOST, cuda: cpu },
    emptyStrided: (axes, sizes, strides, dtype, _type, _index, result) =>
      natives.emptyStrided(axes, sizes, strides, dtype, cpu, 0, result),
    mapping: natives.mapping && {
      ...natives.mapping,
      fromBlob: (data, axes, sizes, strides, offset, dtype, _type, ...rest) =>
        natives.mapping?.fromBlob(data, axes, sizes, strides, offset, dtype, cpu, ...rest) ?? 1,
    },
    ...(options.cuda === undefined ? {} : { cuda: options.cuda }),
  }
  const compute = options.cuda === undefined ? (options.compute === "f32" ? "f32" : "stored") : undefined
  return engineOn(fake, 0, options.memory, compute)
}
