/**
 * How much faster is a run of nano on torch than on wasm? Runs pipelines/reverse.ts as it is on both engines in turns, each run with a store of its own, and
 * prints JSON: one line a run, then the medians and wasm's over torch's.
 *
 *   node test/bench/nano.ts [--rounds 3] [--steps n] [--threads n]
 *
 * Of each run: `clock`, seconds from the command's start to its end; `processor`, seconds of all its threads; `model`, seconds of the clock in which the
 * model's worker was computing, by method; `rest`, the clock's others: the start, files, judging's arithmetic. On a machine that does other
 * work at the same time the clock says little.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    steps: { type: "string" },
    threads: { type: "string" },
  },
})
const root = fileURLToPath(new URL("../../", import.meta.url))
const engines = ["tfjs", "torch"] as const

interface Run {
  readonly engine: (typeof engines)[number]
  readonly clock: number
  readonly processor: number
  readonly model: number
  readonly rest: number
  readonly methods: { readonly [method: string]: number }
  readonly load: number
}

const rounded = (seconds: number) => Math.round(seconds * 100) / 100

/** Of an event that says what the worker has computed since the last one. */
interface Event {
  readonly memory?: { readonly work?: { readonly [method: string]: { readonly seconds: number } } }
}

const run = (engine: Run["engine"]): Run => {
  const folder = mkdtempSync(join(tmpdir(), "hmx-nano-"))
  try {
    const usage = join(folder, "usage")
    const out = join(folder, "run")
    const args = [
      "--import",
      join(root, "test", "bench", "usage.ts"),
      join(root, "packages", "cli", "src", "bin.ts"),
      "run",
      join(root, "pipelines", "reverse.ts"),
      "--engine",
      engine,
      "--out",
      out,
      "--store",
      join(folder, "store"),
      "--quiet",
      ...(values.steps === undefined ? [] : ["--steps", values.steps]),
      ...(values.threads === undefined ? [] : ["--threads", values.threads]),
    ]
    const load = loadavg()[0] ?? Number.NaN
    const start = performance.now()
    const child = spawnSync(process.execPath, args, {
      cwd: root,
      encoding: "utf8",
      env: { ...process.env, HMX_BENCH_USAGE: usage },
    })
    const clock = (performance.now() - start) / 1000
    if (child.status !== 0) throw new Error(`hmx run on ${engine} ended with ${child.status}: ${child.stderr}`)
    const methods: { [method: string]: number } = {}
    for (const line of readFileSync(join(out, "events.jsonl"), "utf8").split("\n")) {
      if (line === "") continue
      // Written by hmx itself.
      const event: Event = JSON.parse(line)
      for (const [method, { seconds }] of Object.entries(event.memory?.work ?? {}))
        methods[method] = (methods[method] ?? 0) + seconds
    }
    const model = Object.values(methods).reduce((a, b) => a + b, 0)
    return {
      engine,
      clock: rounded(clock),
      processor: rounded(Number(readFileSync(usage, "utf8"))),
      model: rounded(model),
      rest: rounded(clock - model),
      methods: Object.fromEntries(Object.entries(methods).map(([method, seconds]) => [method, rounded(seconds)])),
      load: rounded(load),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const runs: Array<Run> = []
for (let round = 0; round < Number(values.rounds); round++)
  for (const engine of engines) {
    const found = run(engine)
    runs.push(found)
    console.log(JSON.stringify(found))
  }

const median = (of: (run: Run) => number, engine: Run["engine"]): number => {
  const sorted = runs
    .filter((one) => one.engine === engine)
    .map(of)
    .toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2
}
const compared = (["clock", "processor", "model", "rest"] as const).map((name) => {
  const [tfjs, torch] = engines.map((engine) => median((one) => one[name], engine))
  return [name, { tfjs, torch, ratio: rounded((tfjs ?? Number.NaN) / (torch ?? Number.NaN)) }] as const
})
console.log(JSON.stringify({ rounds: Number(values.rounds), ...Object.fromEntries(compared) }))
