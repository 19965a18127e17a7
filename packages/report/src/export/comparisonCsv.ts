/** The comparison of arms as CSV: one line a figure, with value, standard error, observations and change of each arm, and what the two arms are apart. */
import { apartOf, type Compared, type Pair } from "../comparison.ts"
import { csv } from "./csv.ts"

const text = (value: number | undefined): string => (value === undefined ? "" : String(value))

export const comparisonCsv = ({ rows, shares }: Compared, pair?: Pair): string => {
  const arms = Object.keys(shares)
  return csv([
    [
      "task",
      "metric",
      "better",
      "headline",
      "n",
      "before",
      "before stderr",
      ...arms.flatMap((arm) => [arm, `${arm} stderr`, `${arm} n`, `${arm} change %`]),
      ...(pair === undefined ? [] : [`${pair.more} - ${pair.less}`, "low", "high", "p"]),
    ],
    ...rows.map((row) => {
      const apart = apartOf(pair, row)
      return [
        row.task,
        row.metric,
        row.better ?? "",
        row.headline ? "yes" : "",
        String(row.n),
        String(row.before),
        String(row.stderr),
        ...arms.flatMap((arm) => [
          text(row.arms[arm]?.value),
          text(row.arms[arm]?.stderr),
          text(row.arms[arm]?.n),
          text(row.arms[arm]?.percent),
        ]),
        ...(pair === undefined ? [] : [text(apart?.value), text(apart?.low), text(apart?.high), text(apart?.p)]),
      ]
    }),
  ])
}
