/** Figures of an evaluation as CSV: one line a figure, with the normal 95 % interval. */
import { csv } from "./csv.ts"
import type { Evaluation } from "./Evaluation.ts"

/** Two-sided 97.5 % point of the normal distribution. */
export const z = 1.959963984540054

const direction = (higherIsBetter: boolean | null): string =>
  higherIsBetter === null ? "" : higherIsBetter ? "higher" : "lower"

export const evaluationCsv = ({ adapter, model, step, tasks }: Evaluation): string =>
  csv([
    ["model", "adapter", "step", "task", "version", "metric", "better", "n", "value", "stderr", "low", "high"],
    ...tasks.flatMap(({ measures, name, version }) =>
      measures.map(({ higherIsBetter, metric, n, stderr, value }) => [
        model.name,
        adapter?.digest ?? "",
        step === null ? "" : String(step),
        name,
        version === null ? "" : String(version),
        metric,
        direction(higherIsBetter),
        String(n),
        String(value),
        String(stderr),
        String(value - z * stderr),
        String(value + z * stderr),
      ]),
    ),
  ])
