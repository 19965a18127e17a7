/** A benchmark as a task of Evaluate. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { Data, Errors, type Task } from "hmx"
import type { Benchmark, File, Item } from "./Benchmark.ts"
import { contentOf, isPath } from "../data/contentOf.ts"
import { type Evaluated, evaluate } from "./evaluate.ts"
import { quote } from "./rows.ts"
import { checkSubset, type Subset, subset } from "./subset.ts"

export interface BenchmarkOptions extends Subset {
  /** A file URL, or a path relative to the pipeline's file; several where a benchmark's items stand in several files, as BBQ's do. */
  readonly file: string | URL | ReadonlyArray<string | URL>
  /** Solved examples for few-shot prompts, in the benchmark's own format. Default: none, as a zero-shot prompt. */
  readonly shots?: string | URL
  /** Default: the benchmark's own. */
  readonly prompt?: Benchmark["prompt"]
}

/** A benchmark's task: its identity and its run, whose result has every item's record beside the figures. */
export interface BenchmarkTask extends Task.Task<"benchmark"> {
  readonly run: Effect.Effect<Evaluated, Effect.Error<Task.Task["run"]>, Effect.Services<Task.Task["run"]>>
}

/**
 * Measures a policy on a benchmark. Its identity has the content of its files; of those that URLs name it does not have the place. Throws a RangeError where
 * `limit` or `sample` is no whole number of at least 1, or both are given; a data file of another format is BadInput in the run.
 */
export const task = (
  benchmark: Benchmark,
  { file, limit, prompt = benchmark.prompt, sample, shots }: BenchmarkOptions,
): BenchmarkTask => {
  checkSubset({ limit, sample })
  const from = [...(isList(file) ? file : [file]), ...(shots === undefined ? [] : [shots])]
  const asked: Benchmark = { ...benchmark, prompt }
  const run = Effect.gen(function* () {
    const data = yield* Data
    const read = (from: string | URL) => Effect.map(data.text(from), (text): File => ({ name: nameOf(from), text }))
    const solved = shots === undefined ? undefined : yield* read(shots)
    const files = yield* Effect.forEach(isList(file) ? file : [file], read)
    const items = yield* Effect.fromResult(readAll(benchmark, files, solved))
    return yield* evaluate(asked, subset(benchmark.name, items, { limit, sample }))
  })
  return {
    kind: "benchmark",
    name: benchmark.name,
    version: benchmark.version,
    options: {
      file: isList(file) ? file.map(contentOf) : contentOf(file),
      prompt,
      ...(shots === undefined ? {} : { shots: contentOf(shots) }),
      ...(limit === undefined ? {} : { limit }),
      ...(sample === undefined ? {} : { sample }),
    },
    files: from.filter(isPath),
    run,
  }
}

const isList = (file: BenchmarkOptions["file"]): file is ReadonlyArray<string | URL> => Array.isArray(file)

/** The items of all files, in their order; BadInput where two files have one id. */
export const readAll = (
  benchmark: Benchmark,
  files: ReadonlyArray<File>,
  shots: File | undefined,
): Result.Result<ReadonlyArray<Item>, Errors.BadInput> =>
  Result.gen(function* () {
    const items: Array<Item> = []
    const from = new Map<string, string>()
    for (const file of files) {
      for (const item of yield* benchmark.read(file, shots)) {
        const first = from.get(item.id)
        if (first !== undefined) {
          const found = `the id ${quote(item.id)}, which ${first} has`
          return yield* Result.fail(new Errors.BadInput({ where: file.name, found, expected: "ids of its own" }))
        }
        from.set(item.id, file.name)
        items.push(item)
      }
    }
    return items
  })

const nameOf = (file: string | URL): string => (typeof file === "string" ? file : file.pathname).split("/").at(-1) ?? ""
