/** Which benchmarks the words of `--tasks` mean, and which files each of them reads. */
import { asRecorded, type Benchmark, byName, groups, miniature, needsOf } from "@hmx/evals"
import * as Effect from "effect/Effect"
import { Errors } from "hmx"
import { fileURLToPath } from "node:url"
import { statSync } from "node:fs"
import { resolve } from "node:path"
import { finder, type Found, places } from "../data/places.ts"
import { shown } from "../paths.ts"

export interface Chosen {
  readonly benchmark: Benchmark
  readonly data: ReadonlyArray<Found>
  readonly shots: Found | undefined
}

export interface Choice {
  readonly chosen: ReadonlyArray<Chosen>
  /** Benchmarks of a group that have no data here, each with the reason. */
  readonly skipped: ReadonlyArray<{ readonly task: string; readonly reason: string }>
}

/** `alone`: a file that is named by itself is the benchmark's, whatever it is called. */
const filesOf = (benchmark: Benchmark, find: ReturnType<typeof finder>, alone: Found | undefined) => {
  const shipped = miniature.items.find((one) => one.benchmark.name === benchmark.name)
  if (shipped !== undefined) {
    const path = fileURLToPath(shipped.file)
    const data: ReadonlyArray<Found> = [{ path, bytes: statSync(path).size, place: "folder" }]
    return { data, shots: undefined }
  }
  if (alone !== undefined) return { data: [alone], shots: undefined }
  const needs = needsOf(benchmark.name)
  return needs === undefined ? undefined : find(benchmark.name, needs)
}

/** What is missing, and where it comes from. */
const missing = (
  benchmark: Benchmark,
  data: string | undefined,
): { readonly found: string; readonly expected: string } => {
  const needs = needsOf(benchmark.name)
  const place = data === undefined ? "HMX's data folder or the hub's cache" : shown(data)
  const names = needs?.data.map(({ name }) => name) ?? []
  const more = names.length > 3 ? ` (or another of ${names.length})` : ""
  const file = `${needs?.dataset.name ?? ""}/${names.slice(0, 3).join(" or ")}${more}`
  return {
    found: `no ${file} in ${place}`,
    expected: `the file, from ${needs?.dataset.source ?? "its publisher"}: name its folder with --data, or add it with npx hmx data add`,
  }
}

/**
 * The benchmarks, in the order of the words and each once. A benchmark that is named must have its data; of a group those without are
 * skipped, unless all are. A file that was added and has changed since is refused.
 */
export const chooseTasks = Effect.fnUntraced(function* (words: ReadonlyArray<string>, data: string | undefined) {
  const info = data === undefined ? undefined : statSync(data, { throwIfNoEntry: false })
  if (data !== undefined && info === undefined)
    return yield* new Errors.BadInput({
      where: "--data",
      found: shown(data),
      expected: "a folder of the benchmarks' files, or one benchmark's file",
    })
  const alone: Found | undefined =
    data === undefined || info?.isFile() !== true
      ? undefined
      : { path: resolve(data), bytes: info.size, place: "folder" }
  if (alone !== undefined && (words.length > 1 || words.some((word) => Object.hasOwn(groups, word))))
    return yield* new Errors.BadInput({
      where: "--data",
      found: `the file ${shown(alone.path)} for several benchmarks`,
      expected: "a folder, or one benchmark",
    })
  const find = finder(places(data))
  const chosen = new Map<string, Chosen>()
  const skipped = new Map<string, string>()
  for (const word of words) {
    const group = Object.hasOwn(groups, word) ? groups[word] : undefined
    let some = false
    for (const name of group ?? [word]) {
      const benchmark = yield* Effect.fromResult(byName(name))
      const files = filesOf(benchmark, find, alone)
      if (files !== undefined) {
        chosen.set(benchmark.name, { benchmark, ...files })
        some = true
        continue
      }
      const { expected, found } = missing(benchmark, data)
      if (group === undefined)
        return yield* new Errors.BadInput({ where: `the data of ${benchmark.name}`, found, expected })
      skipped.set(benchmark.name, found)
    }
    if (!some) {
      const reasons = [...skipped].slice(0, 3).map(([task, reason]) => `${task}: ${reason}`)
      return yield* new Errors.BadInput({
        where: `the data of ${word}`,
        found: reasons.join("; "),
        expected: "data of at least one of its benchmarks (`npx hmx data ls` says where each comes from)",
      })
    }
  }
  const paths = [...chosen.values()].flatMap(({ data: of, shots }) =>
    [...of, ...(shots === undefined ? [] : [shots])].map(({ path }) => path),
  )
  yield* Effect.fromResult(asRecorded(paths, shown))
  const choice: Choice = {
    chosen: [...chosen.values()],
    skipped: [...skipped].map(([task, reason]) => ({ task, reason })),
  }
  return choice
})
