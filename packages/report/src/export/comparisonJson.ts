/** The comparison of arms as JSON: every figure with its normal 95 % interval, and what the two arms are apart by the paired bootstrap. */
import { apartOf, type Compared, type Pair } from "../comparison.ts"
import { z } from "./evaluationCsv.ts"

const interval = ({ stderr, value }: { readonly value: number; readonly stderr: number }) => ({
  value,
  stderr,
  low: value - z * stderr,
  high: value + z * stderr,
})

/** A plain value. `change` is in percent of before, null where before is 0; `apart` is null where no items were kept. */
export const comparisonJson = ({ cuts = [], leftOut, notes = [], rows, shares }: Compared, pair?: Pair) => ({
  figures: rows.map((row) => {
    const apart = apartOf(pair, row)
    return {
      task: row.task,
      metric: row.metric,
      better: row.better,
      headline: row.headline,
      n: row.n,
      before: interval({ value: row.before, stderr: row.stderr }),
      arms: Object.fromEntries(
        Object.entries(row.arms).map(([arm, change]) => [
          arm,
          { ...interval(change), n: change.n, change: change.percent ?? null },
        ]),
      ),
      apart:
        pair === undefined || apart === undefined
          ? null
          : {
              more: pair.more,
              less: pair.less,
              value: apart.value,
              low: apart.low,
              high: apart.high,
              p: apart.p,
            },
    }
  }),
  /** Tasks over the items that all sides have alone, figures that not all sides have, and further sentences. */
  cuts,
  leftOut,
  notes,
  shares,
})
