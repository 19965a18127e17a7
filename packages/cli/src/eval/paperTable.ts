/** The paper's table of arms: before, each arm with its change in percent, the shares, and what the first two are apart, item by item. */
import { byName, compare, type Metric, type Outcome, pairedBootstrap, type Table, valueMetrics } from "@hmx/evals"
import type { Apart, Evaluation, Pair } from "@hmx/report"
import * as Result from "effect/Result"
import type { ItemRecord } from "hmx"

/** An arm and what it measured after training. */
export interface Named {
  readonly name: string
  readonly evaluation: Evaluation
}

export interface PaperTable {
  readonly table: Table
  /** Of the first two arms, where there are two. */
  readonly pair: Pair | undefined
}

/** Undefined where no figure is there before and in every arm. */
export const paperTable = (before: Evaluation, after: ReadonlyArray<Named>): PaperTable | undefined => {
  const table = compare(
    measures(before),
    Object.fromEntries(after.map(({ evaluation, name }) => [name, measures(evaluation)])),
  )
  if (table.rows.length === 0) return undefined
  const [more, less] = after
  return { table, pair: more === undefined || less === undefined ? undefined : apart(more, less) }
}

const measures = (evaluation: Evaluation) => evaluation.tasks.flatMap((task) => task.measures)

const outcomes = (records: ReadonlyArray<ItemRecord>): ReadonlyArray<Outcome> =>
  records.flatMap((record) => ("tooLong" in record ? [] : [record]))

/** A benchmark's own metrics; of any other task that keeps records (held-out answers), means of what these hold. */
const metricsOf = (task: string, records: ReadonlyArray<Outcome>): ReadonlyArray<Metric> =>
  Result.match(byName(task), { onSuccess: ({ metrics }) => metrics, onFailure: () => valueMetrics(records) })

/** What two arms are apart, in each figure of a task whose items both have kept. */
export const apart = (more: Named, less: Named): Pair => {
  const figures: Array<Apart> = []
  for (const task of more.evaluation.tasks) {
    const other = less.evaluation.tasks.find(({ name }) => name === task.name)
    if (other === undefined) continue
    const [a, b] = [outcomes(other.records), outcomes(task.records)]
    for (const metric of metricsOf(task.name, b)) {
      const found = pairedBootstrap(metric, a, b)
      if (found !== undefined && Number.isFinite(found.value))
        figures.push({ task: task.name, metric: metric.name, ...found })
    }
  }
  return { more: more.name, less: less.name, figures }
}
