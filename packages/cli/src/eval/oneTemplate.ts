/** A word on standard errors that say too little. */
import { escape } from "@hmx/report"
import type { ItemRecord } from "hmx"

/**
 * A sentence where all of a task's items are of one template: nothing is known of the spread between templates, and the standard error
 * is that over items (docs/evals.md, Uncertainty).
 */
export const oneTemplate = (task: string, records: ReadonlyArray<ItemRecord>): ReadonlyArray<string> => {
  const answered = records.flatMap((record) => ("tooLong" in record ? [] : [record]))
  const [first] = answered
  if (first?.cluster === undefined || answered.length < 2) return []
  if (answered.some(({ cluster }) => cluster !== first.cluster)) return []
  return [
    `${escape(task, 60)}: all items share one template; the standard errors are those over items, which are too small`,
  ]
}
