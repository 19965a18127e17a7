/** Figures of an evaluation for a terminal. */
import { escape, format, Table } from "@hmx/report"
import type { Figure } from "./EvalFolder.ts"

const columns: ReadonlyArray<Table.Column> = [
  { title: "measure", align: "left" },
  { title: "n", align: "right" },
  { title: "value", align: "right" },
  { title: "stderr", align: "right" },
  { title: "95 % interval", align: "right" },
  { title: "", align: "left" },
]

const arrow = ({ higherIsBetter }: Figure): string => (higherIsBetter === null ? "" : higherIsBetter ? "↑" : "↓")

/** One row a figure below its task; ↑ where more is better, ↓ where less is. */
export const table = (figures: ReadonlyArray<Figure>): string => {
  let task: string | undefined
  const rows = figures.flatMap((figure) => {
    const heading = figure.task === task ? [] : [escape(figure.task, 100)]
    task = figure.task
    const { fixed } = format
    const interval = `${fixed(figure.low)} … ${fixed(figure.high)}`
    return [
      ...heading,
      [
        `  ${escape(figure.metric, 60)}`,
        String(figure.n),
        fixed(figure.value),
        fixed(figure.stderr),
        interval,
        arrow(figure),
      ],
    ]
  })
  return Table.render(columns, rows)
}
