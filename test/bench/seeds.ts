/**
 * Does the shipped experiment do what it says? Runs both arms under several seeds and compares, before and after: the held-out score
 * by the frozen judge, and the count of human-like clauses, in which no judge has a part. Prints JSON: one line a run, then a summary.
 *
 *   node test/bench/seeds.ts [--seeds 5] [--steps n] [--threads n]
 *
 * z is the change in the arm's direction over its standard error, with the two means taken as independent (before and after
 * share their questions and random numbers, so this is the cautious side). Exit 1 where a z is under 3.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const { values } = parseArgs({
  options: { seeds: { type: "string", default: "5" }, steps: { type: "string" }, threads: { type: "string" } },
})
const root = fileURLToPath(new URL("../../", import.meta.url))
const hmx = join(root, "packages", "cli", "src", "bin.ts")

interface Measure {
  readonly task: string
  readonly metric: string
  readonly value: number
  readonly stderr: number
}
interface Evaluation {
  readonly step: number
  readonly reports: ReadonlyArray<{ readonly measures: ReadonlyArray<Measure> }>
}

const measured = [
  ["held_out/human-like", "score"],
  ["human_like_words", "clauses"],
] as const

const guards = ["tokens", "distinct_2", "finished"] as const

const find = (evaluation: Evaluation | undefined, task: string, metric: string): Measure => {
  const found = evaluation?.reports
    .flatMap(({ measures }) => measures)
    .find((m) => m.task === task && m.metric === metric)
  if (found === undefined) throw new Error(`the run measured no ${task} ${metric}`)
  return found
}

const run = (arm: "human" | "reverse", seed: number) => {
  const folder = mkdtempSync(join(tmpdir(), "hmx-seeds-"))
  try {
    const args = [
      "run",
      join(root, "pipelines", `${arm}.ts`),
      "--seed",
      `${seed}`,
      "--out",
      join(folder, "run"),
      "--quiet",
    ]
    if (values.steps !== undefined) args.push("--steps", values.steps)
    if (values.threads !== undefined) args.push("--threads", values.threads)
    const start = performance.now()
    const child = spawnSync(process.execPath, [hmx, ...args], { cwd: root, encoding: "utf8" })
    if (child.status !== 0) throw new Error(`hmx ${args.join(" ")} ended with ${child.status}: ${child.stderr}`)
    const seconds = Math.round((performance.now() - start) / 100) / 10
    // Written by hmx itself, checked there by its schema.
    const report: { readonly evaluations: ReadonlyArray<Evaluation>; readonly adapter: { readonly digest: string } } =
      JSON.parse(readFileSync(join(folder, "run", "report.json"), "utf8"))
    const [before, after] = [report.evaluations[0], report.evaluations.at(-1)]
    const changes = measured.map(([task, metric]) => {
      const [b, a] = [find(before, task, metric), find(after, task, metric)]
      const direction = arm === "human" ? 1 : -1
      const z = (direction * (a.value - b.value)) / Math.hypot(a.stderr, b.stderr)
      return { measure: `${task} ${metric}`, before: b.value, after: a.value, stderr: [b.stderr, a.stderr], z }
    })
    const guard = Object.fromEntries(
      guards.map((metric) => [metric, find(after, "human_like_words", metric).value] as const),
    )
    return { arm, seed, seconds, adapter: report.adapter.digest, changes, guards: guard }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const results = []
for (let seed = 1; seed <= Number(values.seeds); seed++)
  for (const arm of ["human", "reverse"] as const) {
    const result = run(arm, seed)
    results.push(result)
    console.log(JSON.stringify(result))
  }
const smallest = Math.min(...results.flatMap(({ changes }) => changes.map(({ z }) => z)))
const slowest = Math.max(...results.map(({ seconds }) => seconds))
console.log(JSON.stringify({ runs: results.length, smallestZ: smallest, slowestSeconds: slowest, ok: smallest >= 3 }))
process.exitCode = smallest >= 3 ? 0 : 1
