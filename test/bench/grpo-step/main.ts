/**
 * One GRPO iteration (rollout, self-judging, update with LoRA) through hmx's language model on the torch engine, and the same through TRL:
 * same shapes, same counts of tokens, same torch, in turns. Prints JSON: seconds a phase, tokens/s, peak memory, ratios TRL / ours, and how
 * near decoding is to the memory's bandwidth and training to the speed of a large matrix product.
 *
 *   npm run bench:grpo-step -- --size small|0.6b [--groups n] [--rounds n] [--steps n] [--device cpu|cuda] [--python PATH]
 *     [--dtype float32|bfloat16] [--threads n] [--new-tokens n] [--prompt-tokens n] [--keep-mib n] [--baseline FILE|none] [--folder DIR]
 *
 * `--python` has torch, transformers, trl, peft, accelerate and datasets; HMX finds its libtorch by itself (docs/engines.md). The baseline
 * is `../shared/baselines/trl_grpo_step.py` where that is there, else `baseline.py` beside this file. bfloat16 is the default on CUDA and on processors with
 * instructions for it; elsewhere both sides use float32, which the JSON says. Every round starts both sides anew, so that their peaks are their own;
 * of `--steps` steps the first is left out where there are more. Default: 4 prompts of 8 completions, one round (small: two); on CUDA 8 prompts and 256 new tokens.
 */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { decodeBytes, updateFlops } from "./arithmetic.ts"
import { writeRandomCheckpoint } from "./checkpoint.ts"
import type { Limits, LimitsJob } from "./limits.ts"
import type { Job, Ours } from "./ours.ts"
import { measured, median, ratios } from "./ratios.ts"
import type { Baseline, Round } from "./ratios.ts"
import { type Workload, shapes } from "./workload.ts"

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "small" },
    groups: { type: "string" },
    rounds: { type: "string" },
    steps: { type: "string" },
    device: { type: "string", default: "cpu" },
    python: { type: "string", default: "python3" },
    dtype: { type: "string" },
    threads: { type: "string", default: String(availableParallelism()) },
    "new-tokens": { type: "string" },
    "prompt-tokens": { type: "string", default: "128" },
    "keep-mib": { type: "string", default: "400" },
    baseline: { type: "string" },
    folder: { type: "string" },
  },
})

const refuse = (sentence: string): never => {
  process.stderr.write(`${sentence}\n`)
  process.exit(2)
}
const count = (name: string, text: string): number => {
  const n = Number(text)
  return Number.isSafeInteger(n) && n > 0 ? n : refuse(`--${name} is ${text}; expected a whole number ≥ 1`)
}
const oneOf = <A extends string>(name: string, text: string, all: ReadonlyArray<A>): A =>
  all.find((one) => one === text) ?? refuse(`--${name} is ${text}; expected one of ${all.join(", ")}`)

const cpuinfo = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : ""
const narrow = /\b(avx512_bf16|amx_bf16)\b/.test(cpuinfo)

const device = oneOf("device", values.device, ["cpu", "cuda"])
const size = oneOf("size", values.size, ["small", "0.6b"])
const dtype = oneOf("dtype", values.dtype ?? (device === "cuda" || narrow ? "bfloat16" : "float32"), [
  "float32",
  "bfloat16",
])
// A round of the large one takes ten minutes on two cores.
const rounds = count("rounds", values.rounds ?? (size === "small" ? "2" : "1"))
const steps = count("steps", values.steps ?? (size === "small" ? "3" : "1"))
const threads = count("threads", values.threads)
const work: Workload = {
  size,
  groups: count("groups", values.groups ?? (device === "cuda" ? "8" : "4")),
  groupSize: 8,
  promptTokens: count("prompt-tokens", values["prompt-tokens"]),
  newTokens: count("new-tokens", values["new-tokens"] ?? (device === "cuda" ? "256" : "64")),
  judgePrompt: 384,
  judgeTokens: 16,
  loraRank: 16,
  seed: 0,
}
const keepBytes = count("keep-mib", values["keep-mib"]) * 2 ** 20
const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const common = beside("../../../../shared/baselines/trl_grpo_step.py")
const baseline = values.baseline ?? (existsSync(common) ? common : beside("baseline.py"))

/** Runs a program; its last line of output, parsed. What it says besides goes to stderr. */
const run = (command: string, args: ReadonlyArray<string>): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] })
    let out = ""
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString("utf8")
    })
    child.on("error", reject)
    child.on("close", (code) => {
      const last = out.trim().split("\n").at(-1) ?? ""
      if (code === 0 && last.startsWith("{")) resolve(JSON.parse(last))
      else reject(new Error(`${command} ${args.slice(0, 1).join(" ")} ended with ${code}: ${last.slice(0, 500)}`))
    })
  })
const node = (name: string, job: object) => run(process.execPath, [beside(name), JSON.stringify(job)])

// What the children print is written by them alone.
// oxlint-disable typescript/no-unsafe-type-assertion
const ours = async (checkpointFolder: string): Promise<Ours> => {
  const job: Job = { ...work, checkpointFolder, device, threads, steps, keepBytes }
  return (await node("ours.ts", job)) as Ours
}
const limits = async (): Promise<Limits> => {
  const job: LimitsJob = { device, threads, dtype }
  return (await node("limits.ts", job)) as Limits
}
const trl = async (): Promise<Baseline> => {
  const flags = {
    device,
    dtype,
    size,
    groups: work.groups,
    "group-size": work.groupSize,
    "prompt-tokens": work.promptTokens,
    "new-tokens": work.newTokens,
    "judge-prompt": work.judgePrompt,
    "judge-tokens": work.judgeTokens,
    "lora-r": work.loraRank,
    steps,
    warmup: steps > 1 ? 1 : 0,
    threads,
  }
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
  return (await run(values.python, [baseline, ...args])) as Baseline
}
// oxlint-enable typescript/no-unsafe-type-assertion

const folder = values.folder ?? mkdtempSync(join(tmpdir(), "hmx-grpo-step-"))
try {
  if (!existsSync(join(folder, "config.json")))
    await Effect.runPromise(writeRandomCheckpoint(folder, size, dtype === "float32" ? "F32" : "BF16"))
  const limit = await limits()
  const all: Array<Round> = []
  for (let round = 0; round < rounds; round++) {
    const load = loadavg().map((x) => Math.round(x * 10) / 10)
    // Turns are taken in both orders, so that a machine that slows down favours neither.
    const first = round % 2 === 0
    const before = first ? await ours(folder) : undefined
    const theirs = values.baseline === "none" ? undefined : await trl()
    const made = before ?? (await ours(folder))
    const completions = work.groups * work.groupSize
    if (made.rolloutTokens !== completions * work.newTokens || made.judgeTokens !== completions * work.judgeTokens)
      throw new Error(`HMX made ${made.rolloutTokens} and ${made.judgeTokens} tokens, which is not the workload`)
    all.push({ load, ours: made, trl: theirs })
  }
  const of = (pick: (round: Round) => number) => median(all.map(pick))
  const seconds = (pick: (step: Ours["steps"][number]) => number) =>
    of((round) => median(measured(round.ours).map(pick)))
  const phases = {
    total: seconds((s) => s.total),
    rollout: seconds((s) => s.rollout),
    judge: seconds((s) => s.judge),
    update: seconds((s) => s.update),
  }
  const decoded = work.groups * work.groupSize * (work.newTokens - 1)
  const decode = decoded / (phases.rollout - of(({ ours }) => ours.prefill))
  const decodeLimit = (work.groups * work.groupSize * limit.readBytes) / decodeBytes(work, dtype === "float32" ? 4 : 2)
  const training = updateFlops(work) / phases.update
  const updated = work.groups * (work.promptTokens + work.groupSize * work.newTokens)
  const result = {
    size,
    device,
    dtype,
    dtypeReason:
      values.dtype !== undefined
        ? "asked for"
        : device === "cuda"
          ? "CUDA"
          : `this processor has ${narrow ? "" : "no "}instructions for bf16`,
    machine: { processor: cpus()[0]?.model ?? "unknown", cores: cpus().length, threads },
    parameters: all[0]?.trl?.params,
    workload: { ...work, hidden: shapes[size].hidden, layers: shapes[size].layers },
    keepBytes,
    engine: all[0]?.ours.engine,
    baseline: values.baseline === "none" ? undefined : { file: baseline, versions: all[0]?.trl?.versions },
    /** TRL's seconds, tokens/s and memory over or under ours: above 1 (peakMemory: under 1) is to our favour. */
    ratios: ratios(all),
    ours: {
      seconds: phases,
      rolloutTokensPerSecond: of(({ ours }) => ours.rolloutTokens) / phases.rollout,
      judgeTokensPerSecond: of(({ ours }) => ours.judgeTokens) / phases.judge,
      updateTokensPerSecond: updated / phases.update,
      peakRssMib: of(({ ours }) => ours.peakRss),
      peakTensorsMib: of(({ ours }) => ours.peakTensors),
      loadSeconds: of(({ ours }) => ours.loadSeconds),
    },
    decode: {
      tokensPerSecond: decode,
      limit: decodeLimit,
      share: decode / decodeLimit,
      readBytesPerSecond: limit.readBytes,
    },
    training: { flops: training, matmulFlops: limit.matmulFlops, share: training / limit.matmulFlops },
    rounds: all,
  }
  process.stdout.write(`${JSON.stringify(result, undefined, 1)}\n`)
} finally {
  if (values.folder === undefined) rmSync(folder, { recursive: true })
}
