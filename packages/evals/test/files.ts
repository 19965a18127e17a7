/** Data files and outputs, written by the tests themselves. */
import * as Result from "effect/Result"
import type { Benchmark, File, Item } from "../src/index.ts"
import { score } from "../src/index.ts"

export const jsonl = (...values: ReadonlyArray<unknown>): File => ({
  name: "items.jsonl",
  text: values.map((value) => `${JSON.stringify(value)}\n`).join(""),
})

export const outputs = (...values: ReadonlyArray<unknown>): File => ({ ...jsonl(...values), name: "outputs.jsonl" })

/** Items of a file that is read without fault. */
export const items = (benchmark: Benchmark, file: File, shots?: File): ReadonlyArray<Item> =>
  Result.getOrThrow(benchmark.read(file, shots))

/** What is said of a file that is refused. */
export const refused = (result: Result.Result<unknown, { readonly message: string }>): string =>
  Result.isFailure(result) ? result.failure.message : "not refused"

/** Values of the figures by name. */
export const figures = (benchmark: Benchmark, file: File, given: File): { readonly [metric: string]: number } =>
  Object.fromEntries(
    Result.getOrThrow(score(benchmark, items(benchmark, file), given)).measures.map(({ metric, value }) => [
      metric,
      value,
    ]),
  )

/** What one output's values are. */
export const valuesOf = (item: Item | undefined, answer: string | ReadonlyArray<number>) => {
  if (item === undefined) throw new Error("no item")
  return Result.getOrThrow(
    item.values(typeof answer === "string" ? { kind: "text", text: answer } : { kind: "scores", scores: answer }),
  )
}
