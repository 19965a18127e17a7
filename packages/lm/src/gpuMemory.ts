/** The memory of a GPU, for engines whose library does not say. */
import { spawnSync } from "node:child_process"

type Env = { readonly [name: string]: string | undefined }

/** What nvidia-smi answers; undefined where there is none, or it fails. */
const nvidiaSmi = (args: ReadonlyArray<string>): string | undefined => {
  const { status, stdout } = spawnSync("nvidia-smi", args, { encoding: "utf8", timeout: 1500 })
  return status === 0 ? stdout : undefined
}

/**
 * Bytes of the first GPU that a program sees under `CUDA_VISIBLE_DEVICES`; undefined where nvidia-smi does not say. It numbers GPUs by their place on the
 * bus, CUDA by their speed unless CUDA_DEVICE_ORDER says otherwise: of unlike GPUs it may be another's.
 */
export const gpuMemory = (env: Env, ask = nvidiaSmi): number | undefined => {
  const first = env["CUDA_VISIBLE_DEVICES"]?.split(",")[0]?.trim()
  const id = first === undefined || first === "" ? "0" : first
  const mebibytes = Number(ask([`--id=${id}`, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]))
  return mebibytes > 0 ? mebibytes * 2 ** 20 : undefined
}
