/**
 * What a program takes of a GPU's memory, measured alike for HMX and for the baseline: the device's memory in use as nvidia-smi samples it, less what
 * was in use before the program began. It counts allocators' blocks and CUDA's own, and whoever else comes to use the device meanwhile. Both
 * sides' allocators keep what they once took, so that a peak between two samples is there in the next.
 */
import { spawn, spawnSync } from "node:child_process"

/** How it was measured, for the JSON. */
export const measure = "GPU memory in use (nvidia-smi, every 100 ms), less what was in use before the program"

const query = ["--query-gpu=memory.used", "--format=csv,noheader,nounits"]

/** The GPU that a program sees first. */
const of = (env: { readonly [name: string]: string | undefined }): string => {
  const first = env["CUDA_VISIBLE_DEVICES"]?.split(",")[0]?.trim()
  return `--id=${first === undefined || first === "" ? "0" : first}`
}

const mebibytes = (text: string): number | undefined => (/^\d+$/.test(text.trim()) ? Number(text) : undefined)

/** Runs `body`; with its result the most MiB that it took, undefined where nvidia-smi does not say. */
export async function watched<A>(body: () => Promise<A>, program = "nvidia-smi") {
  const id = of(process.env)
  const { stdout } = spawnSync(program, [id, ...query], { encoding: "utf8", timeout: 5000 })
  const before = mebibytes(stdout ?? "")
  if (before === undefined) return { value: await body(), peakMib: undefined }
  let [most, rest] = [before, ""]
  const sampler = spawn(program, [id, ...query, "--loop-ms=100"], { stdio: ["ignore", "pipe", "ignore"] })
  // Closed when it has ended and what it said has been read, or when it could not begin.
  const closed = new Promise<void>((resolve) => {
    sampler.on("close", () => resolve())
    sampler.on("error", () => resolve())
  })
  sampler.stdout.setEncoding("utf8")
  sampler.stdout.on("data", (text: string) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) most = Math.max(most, mebibytes(line) ?? 0)
  })
  try {
    const value = await body()
    sampler.kill()
    await closed
    return { value, peakMib: most - before }
  } finally {
    sampler.kill()
  }
}
