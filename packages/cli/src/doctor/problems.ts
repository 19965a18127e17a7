/** What is missing or in the way, and what to do about it: one sentence each. */
import { format } from "@hmx/report"
import { halfInstall } from "../engine/Installed.ts"
import type { Findings } from "./render.ts"

const GiB = 2 ** 30

export const problems = (found: Omit<Findings, "problems">): ReadonlyArray<string> => {
  const { disk, engines, gpus, memory, models, node, platform, processor, unfinished } = found
  const present = engines.filter((engine) => engine.present)
  const torch = present.find(({ name }) => name === "torch")
  /** That there is none, or why the one that is there cannot be used. */
  const none = engines.find(({ name }) => name === "torch")?.how ?? "engine torch: there is none"
  /** Why a TensorFlow that the user has named, or that is broken, cannot be used; none at all is nothing to mend. */
  const broken = engines.find(
    ({ how, name, present: there }) =>
      name === "tensorflow" && !there && (how.includes("HMX_TENSORFLOW") || !how.includes("no compiled")),
  )
  const cuda = present.some(({ device }) => device === "cuda")
  const minor = /^2\.(\d+)/.exec(torch?.version ?? "")?.[1]
  return [
    Number(node.split(".")[0]) >= 24 ? [] : [`Node ${node}: HMX is tested on Node 24; install it`],
    ...unfinished.map(halfInstall),
    torch === undefined && !(unfinished.includes("torch") && none.startsWith("engine torch:"))
      ? [`${none} (real models want it${gpus.length > 0 ? "; --cuda for the GPU" : ""})`]
      : [],
    broken === undefined || unfinished.includes("tensorflow") ? [] : [broken.how],
    minor !== undefined && Number(minor) < 13
      ? [`torch ${torch?.version}: its errors have no text; \`npx hmx engine install torch\` brings 2.13`]
      : [],
    gpus.length > 0 && torch !== undefined && !cuda
      ? ["a GPU and no engine that uses it: `npx hmx engine install torch --cuda`"]
      : [],
    gpus.length === 0 && cuda
      ? ["an engine for CUDA and no GPU that nvidia-smi lists: install NVIDIA's driver, or compute on the processor"]
      : [],
    platform.endsWith("x64") && processor.features !== undefined && !processor.features.includes("avx2")
      ? ["no avx2: products take several times longer; use a newer processor"]
      : [],
    gpus.length === 0 && torch !== undefined && processor.features?.some((name) => name.endsWith("bf16")) === false
      ? ["no bf16 instructions: bf16 weights stay small in memory, and products are computed in f32"]
      : [],
    memory.available < 2 * GiB
      ? [`${format.bytes(memory.available)} of memory are free: end other programs before a run`]
      : [],
    disk.free !== undefined && disk.free < 2 * GiB
      ? [`${format.bytes(disk.free)} are free in ${disk.folder}: set HMX_HOME to a folder with more before an install`]
      : [],
    models.fits.every(({ settings }) => settings === undefined)
      ? [
          `no model of the paper fits into ${format.bytes(models.room)}: train the shipped nano, or use a machine with more`,
        ]
      : [],
  ].flat()
}
