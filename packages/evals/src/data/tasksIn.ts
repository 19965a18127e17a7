/** Tasks of the benchmarks that a folder has the data of: what a pipeline measures without naming files. */
import * as Result from "effect/Result"
import { resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { Benchmark } from "../benchmark/Benchmark.ts"
import type { Subset } from "../benchmark/subset.ts"
import { type BenchmarkTask, task } from "../benchmark/task.ts"
import { byName, groups } from "../benchmarks.ts"
import { filesOf, listFiles } from "./find.ts"
import { needsOf } from "./needs.ts"
import { asRecorded } from "./registry.ts"

export interface TasksInOptions extends Subset {
  /** Names of benchmarks or groups. Default: "all". */
  readonly names?: ReadonlyArray<string>
  /** Default: each benchmark's own. */
  readonly prompt?: Benchmark["prompt"]
}

export interface TasksIn {
  readonly tasks: ReadonlyArray<BenchmarkTask>
  /** A sentence for each benchmark without data in the folder. */
  readonly skipped: ReadonlyArray<string>
}

/**
 * The benchmarks whose files lie in the folder (a file URL, or a path relative to the working directory), in the order of the names and
 * each once. Throws a RangeError for a name that no benchmark has, with the one most like it, and for a file that `hmx data add` has
 * recorded with another content.
 */
export const tasksIn = (
  folder: string | URL,
  { limit, names = ["all"], prompt, sample }: TasksInOptions = {},
): TasksIn => {
  const root = folder instanceof URL ? fileURLToPath(folder).replace(/\/$/, "") : resolve(folder)
  const files = listFiles(root)
  if (files.length === 0) return { tasks: [], skipped: [`all benchmarks are left out: ${root} has no files`] }
  const tasks: Array<BenchmarkTask> = []
  const skipped: Array<string> = []
  const wanted = names.flatMap((name) => (Object.hasOwn(groups, name) ? (groups[name] ?? []) : [name]))
  for (const name of new Set(wanted)) {
    const found = byName(name)
    if (Result.isFailure(found)) throw new RangeError(`tasksIn: ${found.failure.message}`)
    const benchmark = found.success
    const needs = needsOf(name)
    const lying = needs === undefined ? undefined : filesOf(name, needs, root, files)
    if (needs === undefined || lying === undefined) {
      skipped.push(
        `${name} is left out: ${root} has no ${needs?.data[0]?.name ?? "file of it"} (${needs?.dataset.source ?? "shipped"})`,
      )
      continue
    }
    const recorded = asRecorded([...lying.data, ...(lying.shots === undefined ? [] : [lying.shots])])
    if (Result.isFailure(recorded)) throw new RangeError(`tasksIn: ${recorded.failure.message}`)
    tasks.push(
      task(benchmark, {
        file: lying.data.map((path) => pathToFileURL(path)),
        ...(lying.shots === undefined ? {} : { shots: pathToFileURL(lying.shots) }),
        limit,
        sample,
        ...(prompt === undefined ? {} : { prompt }),
      }),
    )
  }
  return { tasks, skipped }
}
