/** A miniature: a benchmark whose items are shipped, weighed in chats. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { Benchmark, Continuation, Values } from "../benchmark/Benchmark.ts"
import { scoresOf } from "../benchmark/forms.ts"
import { itemsOf } from "../benchmark/items.ts"
import type { Metric } from "../benchmark/Metric.ts"
import { type BenchmarkTask, task } from "../benchmark/task.ts"

export interface Spec<A> {
  readonly name: string
  readonly choices: (item: A) => ReadonlyArray<string>
  /** Figures of an item, of its choices' log-probabilities. */
  readonly values: (item: A, scores: ReadonlyArray<number>) => Values
  readonly expected: (item: A) => string
  readonly metrics: ReadonlyArray<Metric>
  readonly wrong: (values: Values) => boolean | undefined
}

/** The benchmark whose lines have that schema. */
export const miniature = <
  S extends Schema.ConstraintDecoder<unknown> & { readonly Type: { id: string; prompt: string } },
>(
  schema: S,
  { choices, expected, metrics, name, values, wrong }: Spec<S["Type"]>,
): Benchmark => ({
  name,
  version: 1,
  prompt: "chat",
  metrics,
  wrong,
  read: (file) =>
    itemsOf(file, schema, ({ value }) => ({
      id: value.id,
      expected: expected(value),
      request: () => ({
        kind: "choices",
        choices: choices(value).map((continuation): Continuation => ({ context: value.prompt, continuation })),
      }),
      values: (answer) => Result.map(scoresOf(answer, choices(value).length), (scores) => values(value, scores)),
    })),
})

/** A file of this package. */
export const fileOf = (name: string): URL => new URL(`../../data/miniature/${name}`, import.meta.url)

/** The shipped file as a task. Its identity is its name and version: the file goes with them. */
export const shipped = (benchmark: Benchmark, file: string): BenchmarkTask => {
  const made = task(benchmark, { file: fileOf(file) })
  // Every item fits: what does not is left out of no figure, so there is nothing to count.
  const run = Effect.map(made.run, (found) => ({
    ...found,
    measures: found.measures.filter(({ metric }) => metric !== "too_long" || found.tooLong.length > 0),
  }))
  return { ...made, options: {}, run }
}
