/** What `hmx doctor` found, as text. */
import { escape, format, Table } from "@hmx/report"
import type { Engine } from "../engine/ls.ts"
import type { EngineName } from "../engine/recipes.ts"
import type { Gpu } from "./gpus.ts"
import { type Fit, step } from "./paperModels.ts"
import type { Processor } from "@hmx/lm"

/** Memory in bytes. */
export interface Findings {
  readonly node: string
  readonly platform: string
  readonly processor: Processor
  readonly memory: { readonly total: number; readonly available: number }
  readonly disk: { readonly folder: string; readonly free: number | undefined }
  readonly gpus: ReadonlyArray<Gpu>
  readonly engines: ReadonlyArray<Engine>
  /** Engines of which there is half of an install. */
  readonly unfinished: ReadonlyArray<EngineName>
  /** What `--engine auto` takes. */
  readonly auto: { readonly engine: string; readonly device: string }
  /** The paper's models with the engine torch within so many bytes, of which so many are free: the largest GPU's, or the machine's. */
  readonly models: { readonly room: number; readonly free: number; readonly fits: ReadonlyArray<Fit> }
  readonly problems: ReadonlyArray<string>
}

const columns: ReadonlyArray<Table.Column> = [
  { title: "model", align: "left" },
  { title: "weights", align: "left" },
  { title: "needs", align: "right" },
  { title: "LoRAUpdate", align: "left" },
]

export const render = (found: Findings): string => {
  const { auto, disk, engines, gpus, memory, models, node, platform, problems, processor } = found
  const features = processor.features?.join(" ") ?? "features unknown"
  const rows = models.fits.map(({ bytes, bytesPerWeight, model, now, settings }) => [
    model,
    bytesPerWeight === 2 ? "bf16" : "f32",
    format.bytes(bytes),
    settings === undefined ? "✗ does not fit" : now ? settings : `${settings}, once as much is free`,
  ])
  return [
    `Node ${node} on ${platform}`,
    `processor: ${escape(processor.model, 80)}, ${processor.cores} cores, ${features === "" ? "no avx2" : features}`,
    `memory: ${format.bytes(memory.total)}, ${format.bytes(memory.available)} free`,
    `disk: ${disk.free === undefined ? "–" : format.bytes(disk.free)} free for engines in ${escape(disk.folder, 200)}`,
    ...(gpus.length === 0 ? ["GPU: none that nvidia-smi lists"] : []),
    ...gpus.map(
      (gpu) =>
        `GPU: ${escape(gpu.name, 60)}, ${format.bytes(gpu.memory)}, ${format.bytes(gpu.free)} free, driver ${escape(gpu.driver, 20)}`,
    ),
    ...engines.map(({ device, how, name, present, version }) =>
      present
        ? `engine ${name}: ${version === undefined ? "" : `${escape(version, 40)}, `}${device ?? "cpu"}, found by: ${how}`
        : `engine ${name}: none`,
    ),
    `--engine auto: ${auto.engine} on ${auto.device}`,
    "",
    `the paper's models with engine torch, within ${format.bytes(models.room)}, ${format.bytes(models.free)} of it free (${step.prompts} prompts a step, groups of ${step.groupSize}, ${step.maxNewTokens} new tokens, rank ${step.rank})`,
    Table.render(columns, rows),
    "",
    ...(problems.length === 0 ? ["nothing is in the way"] : problems.map((problem) => `- ${escape(problem, 400)}`)),
  ].join("\n")
}
