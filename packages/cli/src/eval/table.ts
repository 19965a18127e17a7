/** Figures of an evaluation for a terminal. */
import { betterOf } from "@hmx/evals"
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

const marks = { higher: "↑", lower: "↓", zero: "→0" } as const

/** One row a figure below its task, with a mark of what is better, and what the marks mean. */
export const table = (figures: ReadonlyArray<Figure>): string => {
  let task: string | undefined
  const rows = figures.flatMap((figure) => {
    const heading = figure.task === task ? [] : [escape(figure.task, 100)]
    task = figure.task
    const better = betterOf(figure)
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
        better === null ? "" : marks[better],
      ],
    ]
  })
  return `${Table.render(columns, rows)}\n↑ more is better, ↓ less, →0 nearer to 0; n: what was counted; ± 1.96 standard errors`
}
