/** The benchmark table of a run: before, after, and what changed. */
import type { Artefact } from "hmx"
import { escape } from "./escape.ts"
import * as format from "./format.ts"
import * as Table from "./Table.ts"

const columns: ReadonlyArray<Table.Column> = [
  { title: "measure", align: "left" },
  { title: "n", align: "right" },
  { title: "before", align: "right" },
  { title: "after", align: "right" },
  { title: "change", align: "right" },
  { title: "", align: "left" },
]

const key = (m: Artefact.Measure): string => JSON.stringify([m.task, m.metric])

const withError = (m: Artefact.Measure | undefined): string =>
  m === undefined ? "–" : `${format.fixed(m.value)} ± ${format.fixed(m.stderr)}`

/** What the columns mean, below the table. */
export const legend =
  "± one standard error; up, down, better, worse: a change of at least two (before and after taken as independent)"

/**
 * One row a measure below its task, each value with its standard error. The standard error of a change is that of a difference of independent
 * means, √(a² + b²): an upper bound where the same items were asked twice and answers agree. A change of two or more of them
 * is marked.
 */
export const benchmarks = (before: ReadonlyArray<Artefact.Measure>, after: ReadonlyArray<Artefact.Measure>): string => {
  const earlier = new Map(before.map((m) => [key(m), m]))
  const later = new Map(after.map((m) => [key(m), m]))
  let task: string | undefined
  const rows = [...new Map([...earlier, ...later]).values()].flatMap((m) => {
    const heading = m.task === task ? [] : [[escape(m.task, 40)]]
    task = m.task
    const a = earlier.get(key(m))
    const b = later.get(key(m))
    const [difference, mark] = a === undefined || b === undefined ? ["–", ""] : compared(a, b)
    return [...heading, [`  ${escape(m.metric, 40)}`, String(m.n), withError(a), withError(b), difference, mark]]
  })
  return Table.render(columns, rows)
}

const compared = (a: Artefact.Measure, b: Artefact.Measure): readonly [string, string] => {
  const difference = b.value - a.value
  const stderr = Math.hypot(a.stderr, b.stderr)
  const text = `${difference > 0 ? "+" : ""}${format.fixed(difference)} ± ${format.fixed(stderr)}`
  // A zero standard error of both (one item, or all alike) says nothing about chance.
  if (stderr === 0 || Math.abs(difference) < 2 * stderr) return [text, ""]
  if (b.higherIsBetter === null) return [text, difference > 0 ? "up" : "down"]
  return [text, difference > 0 === b.higherIsBetter ? "better" : "worse"]
}
