/**
 * One GRPO iteration (rollout, self-judging, update with LoRA) through hmx's language model on the torch engine, and the same through TRL:
 * same shapes, same counts of tokens, same torch, in turns. Prints JSON: seconds a phase, tokens/s, peak memory, ratios TRL / ours, and how
 * near decoding is to the memory's bandwidth and training to the speed of a large matrix product.
 *
 *   npm run bench:grpo-step -- --size small|0.6b|4b|8b [--groups n] [--rounds n] [--steps n] [--device cpu|cuda] [--python PATH]
 *     [--dtype float32|bfloat16] [--threads n] [--new-tokens n] [--prompt-tokens n] [--keep-mib n] [--baseline FILE|none] [--folder DIR]
 *
 * `--python` has torch, transformers, trl, peft, accelerate and datasets; HMX finds its libtorch by itself (docs/engines.md). The baseline
 * is `../shared/baselines/trl_grpo_step.py` where that is there, else `baseline.py` beside this file. bfloat16 is the default on CUDA and on processors with
 * instructions for it; elsewhere both sides use float32, which the JSON says. Every round starts both sides anew, so that their peaks are their own;
 * of `--steps` steps the first is left out where there are more. 4b and 8b (Qwen3's shapes, bfloat16) have no baseline: `--size 8b --device cuda` says whether a
 * model of that shape trains within 16 and 24 GB (10⁹ bytes). Default: 4 prompts of 8 completions, one round (small: two); on CUDA 8 prompts and 256 new tokens.
 * What the machine lacks of what is named is said before work begins, with exit code 2. A folder that the bench made stays where it was asked for and all went well.
 */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { decodeBytes, updateFlops } from "./arithmetic.ts"
import { writeRandomCheckpoint } from "./checkpoint.ts"
import { measure, watched } from "./deviceMemory.ts"
import type { Limits, LimitsJob } from "./limits.ts"
import { options, type Options, Unusable, within } from "./options.ts"
import type { Job, Ours } from "./ours.ts"
import { measured, median, ratios } from "./ratios.ts"
import type { Baseline, Round } from "./ratios.ts"
import { ready } from "./ready.ts"
import { shapes } from "./workload.ts"

const cpuinfo = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : ""
const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const common = beside("../../../../shared/baselines/trl_grpo_step.py")

const read = (): Options => {
  try {
    const found = options(process.argv.slice(2), {
      threads: availableParallelism(),
      narrow: /\b(avx512_bf16|amx_bf16)\b/.test(cpuinfo),
      baseline: existsSync(common) ? common : beside("baseline.py"),
    })
    ready(found)
    return found
  } catch (error) {
    if (!(error instanceof Unusable)) throw error
    process.stderr.write(`${error.message}\n`)
    return process.exit(2)
  }
}
const asked = read()
const { baseline, device, dtype, keepBytes, rounds, steps, threads, work } = asked
const { size } = work

/** What runs now; it does not outlive the bench. */
const children = new Set<ChildProcess>()

/** Runs a program; its last line of output, parsed. What it says besides goes to stderr. */
const run = (command: string, args: ReadonlyArray<string>): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] })
    children.add(child)
    let out = ""
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString("utf8")
    })
    child.on("error", reject)
    child.on("close", (code) => {
      children.delete(child)
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
/** With products in the type that training used. */
const limits = async (compute: LimitsJob["compute"]): Promise<Limits> => {
  const job: LimitsJob = { device, threads, dtype, compute }
  return (await node("limits.ts", job)) as Limits
}
const trl = async (script: string): Promise<Baseline> => {
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
  return (await run(asked.python, [script, ...args])) as Baseline
}
// oxlint-enable typescript/no-unsafe-type-assertion

/** On CUDA with what it took of the device. */
const peaked = async <A>(
  body: () => Promise<A>,
): Promise<{ readonly value: A; readonly peakMib: number | undefined }> =>
  device === "cuda" ? watched(body) : { value: await body(), peakMib: undefined }

const fresh = asked.folder === undefined || !existsSync(asked.folder)
const folder = asked.folder ?? mkdtempSync(join(tmpdir(), "hmx-grpo-step-"))
// What was made here stays where it was asked for and the bench went well.
process.once("exit", (code) => {
  for (const child of children) child.kill()
  if (fresh && (asked.folder === undefined || code !== 0)) rmSync(folder, { recursive: true, force: true })
})
process.once("SIGINT", () => process.exit(130))
process.once("SIGTERM", () => process.exit(143))
if (!existsSync(join(folder, "config.json")))
  await Effect.runPromise(writeRandomCheckpoint(folder, size, dtype === "float32" ? "F32" : "BF16"))
const all: Array<Round> = []
for (let round = 0; round < rounds; round++) {
  const load = loadavg().map((x) => Math.round(x * 10) / 10)
  // Turns are taken in both orders, so that a machine that slows down favours neither.
  const first = round % 2 === 0
  const before = first ? await peaked(() => ours(folder)) : undefined
  const theirs = baseline === undefined ? undefined : await peaked(() => trl(baseline))
  const { peakMib, value: made } = before ?? (await peaked(() => ours(folder)))
  const completions = work.groups * work.groupSize
  if (made.rolloutTokens !== completions * work.newTokens || made.judgeTokens !== completions * work.judgeTokens)
    throw new Error(`HMX made ${made.rolloutTokens} and ${made.judgeTokens} tokens, which is not the workload`)
  const taken = { ours: peakMib, trl: theirs?.peakMib }
  all.push({ load, ours: made, trl: theirs?.value, ...(device === "cuda" ? { device: taken } : {}) })
}
const computed = all[0]?.ours.engine.dtype
const limit = await limits(computed === "f32" ? "f32" : "stored")
if (limit.dtype !== computed) throw new Error(`products were measured in ${limit.dtype}, training was in ${computed}`)
const of = (pick: (round: Round) => number) => median(all.map(pick))
const seconds = (pick: (step: Ours["steps"][number]) => number) => of((round) => median(measured(round.ours).map(pick)))
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
const peaks = all.flatMap(({ device: taken, ours }) => (device === "cuda" ? taken?.ours : ours.peakRss) ?? [])
const peak = peaks.length === all.length ? Math.max(...peaks) : undefined
const result = {
  size,
  device,
  dtype,
  dtypeReason: asked.dtypeReason,
  machine: { processor: cpus()[0]?.model ?? "unknown", cores: cpus().length, threads },
  parameters: all[0]?.trl?.params,
  workload: { ...work, hidden: shapes[size].hidden, layers: shapes[size].layers },
  keepBytes,
  engine: all[0]?.ours.engine,
  baseline: baseline === undefined ? undefined : { file: baseline, versions: all[0]?.trl?.versions },
  /** TRL's seconds, tokens/s and memory over or under ours: above 1 (peakMemory: under 1) is to our favour. */
  ratios: ratios(all),
  ours: {
    seconds: phases,
    rolloutTokensPerSecond: of(({ ours }) => ours.rolloutTokens) / phases.rollout,
    judgeTokensPerSecond: of(({ ours }) => ours.judgeTokens) / phases.judge,
    updateTokensPerSecond: updated / phases.update,
    peakRssMib: of(({ ours }) => ours.peakRss),
    peakTensorsMib: of(({ ours }) => ours.peakTensors),
    peakDeviceMib: all[0]?.device?.ours,
    loadSeconds: of(({ ours }) => ours.loadSeconds),
  },
  peakMemory: {
    measure: device === "cuda" ? measure : "resident memory of the process",
    mib: peak,
    within: peak === undefined ? undefined : within(peak),
  },
  decode: {
    tokensPerSecond: decode,
    limit: decodeLimit,
    share: decode / decodeLimit,
    readBytesPerSecond: limit.readBytes,
  },
  training: {
    flops: training,
    matmulFlops: limit.matmulFlops,
    matmulDtype: limit.dtype,
    share: training / limit.matmulFlops,
  },
  rounds: all,
}
process.stdout.write(`${JSON.stringify(result, undefined, 1)}\n`)
