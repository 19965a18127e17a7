/** What the bench is asked and what it compares; nothing is computed. */
import { parameterCount } from "@hmx/lm"
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import { watched } from "./grpo-step/deviceMemory.ts"
import { options, within } from "./grpo-step/options.ts"
import type { Round } from "./grpo-step/ratios.ts"
import { ratios } from "./grpo-step/ratios.ts"
import { shapes, sizes } from "./grpo-step/workload.ts"

const around = { threads: 3, narrow: false, baseline: "trl.py" }

describe("what the bench is asked", () => {
  test("without flags: the small shape on the processor, in its type, beside the baseline", () => {
    expect(options([], around)).toMatchObject({
      work: { size: "small", groups: 4, newTokens: 64 },
      device: "cpu",
      dtype: "float32",
      rounds: 2,
      steps: 3,
      threads: 3,
      keepBytes: 400 * 2 ** 20,
      baseline: "trl.py",
    })
    expect(options([], { ...around, narrow: true }).dtype).toBe("bfloat16")
    expect(options(["--size", "0.6b", "--device", "cuda"], around)).toMatchObject({
      work: { groups: 8, newTokens: 256 },
      dtype: "bfloat16",
      rounds: 1,
    })
    expect(options(["--baseline", "none"], around).baseline).toBeUndefined()
  })
  test.each(["4b", "8b"])("%s is in bfloat16 and without a baseline, on every device", (size) => {
    for (const device of ["cpu", "cuda"])
      expect(options(["--size", size, "--device", device], around)).toMatchObject({
        work: { size, groups: 2 },
        dtype: "bfloat16",
        baseline: undefined,
      })
    expect(options(["--size", size, "--groups", "8", "--baseline", "none"], around).work.groups).toBe(8)
  })
  test.each([
    [["--size", "9b"], "--size is 9b; expected one of small, 0.6b, 4b, 8b"],
    [["--size", "8b", "--dtype", "float32"], "--dtype is float32; 8b is for bfloat16 alone"],
    [["--size", "4b", "--baseline", "x.py"], "--baseline is x.py; 4b has none: expected none"],
    [["--groups", "0"], "--groups is 0; expected a whole number ≥ 1"],
    [["--device", "tpu"], "--device is tpu"],
    [["--sise", "8b"], "--sise"],
  ])("%j is refused", (args, sentence) => {
    expect(() => options(args, around)).toThrow(sentence)
  })
  test("the shapes have as many parameters as the models that they are named after", () => {
    expect(sizes.map((size) => parameterCount(shapes[size]))).toEqual([
      expect.any(Number),
      596_049_920,
      4_022_468_096,
      8_190_735_360,
    ])
    expect([shapes["4b"].tied, shapes["8b"].tied]).toEqual([true, false])
  })
  test("a peak is set beside 16 and 24 GB", () => {
    // 16·10⁹ bytes are 15258.8 MiB, 24·10⁹ are 22888.2.
    expect(within(15_258)).toEqual({ "16 GB": true, "24 GB": true })
    expect(within(15_259)).toEqual({ "16 GB": false, "24 GB": true })
    expect(within(22_888)).toEqual({ "16 GB": false, "24 GB": true })
    expect(within(22_889)).toEqual({ "16 GB": false, "24 GB": false })
  })
})

const step = { rollout: 1, judge: 1, update: 1, total: 3 }
const round = (device?: Round["device"]): Round => ({
  load: [],
  ours: {
    steps: [step],
    prefill: 0,
    rolloutTokens: 1,
    judgeTokens: 1,
    loadSeconds: 1,
    peakRss: 100,
    peakTensors: 1,
    engine: { name: "torch", version: "2", device: "cpu", dtype: "f32" },
  },
  trl: {
    params: 1,
    median: { total_s: 9, rollout_s: 2, judge_s: 3, update_s: 4 },
    peak_rss_mib: 200,
    peak_cuda_mib: 50,
    versions: {},
  },
  ...(device === undefined ? {} : { device }),
})

describe("memory's ratio", () => {
  test("is of resident memory on a processor, and of one measure of the device on a GPU", () => {
    expect(ratios([round()])).toMatchObject({ total: 3, peakMemory: 0.5 })
    expect(ratios([round({ ours: 30, trl: 40 })])?.peakMemory).toBe(0.75)
  })
  test("is none where a side could not be measured: no other measure takes its place", () => {
    expect(ratios([round({ ours: 30, trl: undefined })])?.peakMemory).toBeUndefined()
    expect(ratios([round({ ours: 30, trl: 40 }), round({ ours: undefined, trl: 40 })])?.peakMemory).toBeUndefined()
  })
})

const scripted = async (script: string, body: (program: string) => Promise<void>) => {
  const folder = mkdtempSync(join(tmpdir(), "hmx-smi-"))
  try {
    const program = join(folder, "smi")
    writeFileSync(program, `#!/bin/sh\n${script}\n`)
    chmodSync(program, 0o755)
    await body(program)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
describe("a GPU's memory", () => {
  test("is the most in use while the program runs, less what was in use before", async () => {
    // Samples, and then a line without an end.
    const script = `case "$*" in
      *loop*) printf '700\\n3700\\n900\\n[N/A]\\n99'; touch "$0.said"; exec sleep 60;;
      *) echo 600;;
    esac`
    await scripted(script, async (program) => {
      const body = async () => {
        while (!existsSync(`${program}.said`)) await setImmediate()
        return 7
      }
      expect(await watched(body, program)).toEqual({ value: 7, peakMib: 3100 })
    })
  })
  test("is not known where nvidia-smi is not there, or says nothing", async () => {
    expect(await watched(async () => 1, "/no/such/program")).toEqual({ value: 1, peakMib: undefined })
    await scripted("echo no devices; exit 9", async (program) =>
      expect(await watched(async () => 1, program)).toEqual({ value: 1, peakMib: undefined }),
    )
  })
})
