/** A word on standard errors that say too little. */
import { escape, type EvaluatedTask } from "@hmx/report"
import type { ItemRecord } from "hmx"

/** Whether all of a task's items are of one template. */
const isOne = (records: ReadonlyArray<ItemRecord>): boolean => {
  const answered = records.flatMap((record) => ("tooLong" in record ? [] : [record]))
  const [first] = answered
  if (first?.cluster === undefined || answered.length < 2) return false
  return answered.every(({ cluster }) => cluster === first.cluster)
}

/**
 * A sentence where all of a task's items are of one template: nothing is known of the spread between templates, and the standard error
 * is that over items (docs/evals.md, Uncertainty).
 */
export const oneTemplate = (task: string, records: ReadonlyArray<ItemRecord>): ReadonlyArray<string> => {
  const errors = "the standard errors are those over items, which are too small"
  return isOne(records) ? [`${escape(task, 60)}: all items share one template; ${errors}`] : []
}

/** The same of a comparison's tasks, which has no interval between arms then. */
export const oneTemplates = (tasks: ReadonlyArray<EvaluatedTask>): ReadonlyArray<string> => {
  const names = tasks.flatMap(({ name, records }) => (isOne(records) ? [escape(name, 60)] : []))
  const what =
    "all items share one template, so there is no interval of a difference (–), and standard errors are too small"
  return names.length === 0 ? [] : [`${names.join(", ")}: ${what}`]
}
