/** A task's figures as functions of its records. */
import { byName, type Metric, type Outcome, valueMetrics } from "@hmx/evals"
import * as Result from "effect/Result"
import type { AnsweredItem, ItemRecord } from "hmx"

/** The records of items that were asked. */
export const outcomes = (records: ReadonlyArray<ItemRecord>): ReadonlyArray<AnsweredItem> =>
  records.flatMap((record) => ("tooLong" in record ? [] : [record]))

/** A benchmark's own metrics; of any other task that keeps records (held-out answers), means of what these hold. */
export const metricsOf = (task: string, records: ReadonlyArray<Outcome>): ReadonlyArray<Metric> =>
  Result.match(byName(task), { onSuccess: ({ metrics }) => metrics, onFailure: () => valueMetrics(records) })
