/** The paper's table of arms: before, each arm with its change in percent, the shares, and what the first two are apart, item by item. */
import { compare, pairedBootstrap, type Table } from "@hmx/evals"
import type { Apart, Compared, Evaluation, Pair } from "@hmx/report"
import { metricsOf, outcomes } from "./metricsOf.ts"
import { oneTemplates } from "./oneTemplate.ts"

/** An arm and what it measured after training. */
export interface Named {
  readonly name: string
  readonly evaluation: Evaluation
}

export interface PaperTable {
  readonly table: Table & Pick<Compared, "cuts" | "notes">
  /** Of the first two arms, where there are two. */
  readonly pair: Pair | undefined
}

/**
 * Undefined where no figure is there before and in every arm. All sides are of the same items: others are cut down to these before
 * (`inCommon`).
 */
export const paperTable = (before: Evaluation, after: ReadonlyArray<Named>): PaperTable | undefined => {
  const table = compare(
    measures(before),
    Object.fromEntries(after.map(({ evaluation, name }) => [name, measures(evaluation)])),
  )
  if (table.rows.length === 0) return undefined
  const [more, less] = after
  const notes = oneTemplates(before.tasks)
  return { table: { ...table, notes }, pair: more === undefined || less === undefined ? undefined : apart(more, less) }
}

const measures = (evaluation: Evaluation) => evaluation.tasks.flatMap((task) => task.measures)

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
