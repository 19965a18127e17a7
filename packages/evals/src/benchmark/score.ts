/** Scoring a file of outputs: pure, no model. */
import * as Result from "effect/Result"
import { type AnsweredItem, type Artefact, Errors } from "hmx"
import type { Answer, Benchmark, File, Item } from "./Benchmark.ts"
import { estimate, type Outcome } from "./estimate.ts"
import { type Outputs, readOutputs } from "./outputs.ts"
import { recordOf } from "./record.ts"
import { quote } from "./rows.ts"

export interface Scores {
  /** The benchmark's figures, and where outputs were missing and taken for empty ones their share, `missing`. */
  readonly measures: ReadonlyArray<Artefact.Measure>
  /** In the items' order. */
  readonly records: ReadonlyArray<AnsweredItem>
  /** Ids of items without an output. */
  readonly missing: ReadonlyArray<string>
}

export interface ScoreOptions {
  /** What an item without an output is. "empty": as if the model had said nothing. Default: a refusal. */
  readonly missing?: "refused" | "empty"
}

/** The figures of a benchmark over outcomes; a metric that nothing counts for is left out. */
export const measures = (benchmark: Benchmark, outcomes: ReadonlyArray<Outcome>): ReadonlyArray<Artefact.Measure> =>
  benchmark.metrics.flatMap((metric) => {
    const { n, stderr, value } = estimate(metric, outcomes)
    if (n === 0 || !Number.isFinite(value)) return []
    return [{ task: benchmark.name, metric: metric.name, value, stderr, n, higherIsBetter: metric.higherIsBetter }]
  })

/** A count that is told, and not judged: no arm is better for it. */
export const share = (
  { name }: Benchmark,
  metric: string,
  count: number,
  n: number,
): ReadonlyArray<Artefact.Measure> => {
  if (n === 0) return []
  const value = count / n
  const stderr = n < 2 ? 0 : Math.sqrt((value * (1 - value)) / (n - 1))
  return [{ task: name, metric, value, stderr, n, higherIsBetter: null }]
}

/**
 * Scores outputs against a benchmark's items. Every item has its output (or `missing` says what it is without one) and every output
 * its item; else, or where an output is not of the form that the benchmark takes, BadInput with the file and line.
 */
export const score = (
  benchmark: Benchmark,
  items: ReadonlyArray<Item>,
  outputs: File,
  { missing = "refused" }: ScoreOptions = {},
): Result.Result<Scores, Errors.BadInput> =>
  Result.flatMap(readOutputs(outputs), (read) => scored(benchmark, items, outputs.name, read, missing))

const nothing: Answer = { kind: "text", text: "" }

const bad = (where: string, found: string, expected: string) =>
  Result.fail(new Errors.BadInput({ where, found, expected }))

const scored = (
  benchmark: Benchmark,
  items: ReadonlyArray<Item>,
  name: string,
  outputs: Outputs,
  without: NonNullable<ScoreOptions["missing"]>,
): Result.Result<Scores, Errors.BadInput> => {
  const idOf = resolve(items)
  const byId = new Map<string, { readonly line: number; readonly answer: Answer }>()
  for (const [given, found] of outputs) {
    const id = idOf(given)
    const where = `${name}, line ${found.line}`
    if (id === undefined) {
      const several = items.filter((item) => lastOf(item.id) === given).length
      return several > 1
        ? bad(
            where,
            `the id ${quote(given)}, with which ${several} items end`,
            `a whole id, such as ${items[0]?.id ?? ""}, or the data file of these outputs alone`,
          )
        : bad(where, `the id ${quote(given)}`, `an id of ${benchmark.name}, such as ${items[0]?.id ?? "none"}`)
    }
    const first = byId.get(id)
    if (first !== undefined)
      return bad(where, `the id ${quote(given)} again`, `one output an item: line ${first.line} has it`)
    byId.set(id, found)
  }
  const missing = items.filter(({ id }) => !byId.has(id))
  if (missing.length > 0 && without === "refused") {
    const some = missing.slice(0, 5).map(({ id }) => id)
    return bad(
      name,
      `no output for ${missing.length} of ${items.length} items: ${quote(some.join(", "))}${missing.length > 5 ? ", …" : ""}`,
      "one line an item",
    )
  }
  const records: Array<AnsweredItem> = []
  for (const item of items) {
    const found = byId.get(item.id)
    const answer = found?.answer ?? nothing
    const values = item.values(answer)
    if (Result.isFailure(values))
      return found === undefined
        ? bad(`${name}, item ${quote(item.id)}`, "no output, and an empty one is none", values.failure)
        : bad(`${name}, line ${found.line}`, shown(answer), values.failure)
    records.push(recordOf(benchmark, item, values.success, answer, undefined))
  }
  const empty = missing.length === 0 ? [] : share(benchmark, "missing", missing.length, items.length)
  return Result.succeed({
    measures: [...measures(benchmark, records), ...empty],
    records,
    missing: missing.map(({ id }) => id),
  })
}

const lastOf = (id: string): string => id.slice(id.lastIndexOf("/") + 1)

/** An item by its id, or by what stands after the id's last slash where only one item has it there. */
const resolve = (items: ReadonlyArray<Item>): ((given: string) => string | undefined) => {
  const whole = new Set(items.map(({ id }) => id))
  const short = new Map<string, string | undefined>()
  for (const { id } of items) {
    const last = lastOf(id)
    short.set(last, short.has(last) ? undefined : id)
  }
  return (given) => (whole.has(given) ? given : short.get(given))
}

const shown = (answer: Answer): string =>
  answer.kind === "scores" ? `${answer.scores.length} scores` : `an output: ${quote(answer.text)}`
