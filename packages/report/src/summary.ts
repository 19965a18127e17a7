/** What the end of a run prints. */
import type { Artefact } from "hmx"
import { answers } from "./answers.ts"
import { benchmarks } from "./benchmarks.ts"
import { escape } from "./escape.ts"
import * as format from "./format.ts"

/** A finished run. `before` and `after` are its first and last evaluations, empty where there was none. */
export interface Finished {
  readonly name: string
  readonly steps: number
  /** Absent where a run of the past is shown. */
  readonly seconds?: number
  readonly adapter: { readonly path: string; readonly digest: string }
  readonly before: ReadonlyArray<Artefact.Report>
  readonly after: ReadonlyArray<Artefact.Report>
}

const all = (reports: ReadonlyArray<Artefact.Report>) => ({
  measures: reports.flatMap((r) => r.measures),
  answers: reports.flatMap((r) => r.answers),
})

/** Benchmark table before/after, three answers before/after, and where the adapter lies. */
export const summary = (run: Finished): string => {
  const [earlier, later] = [all(run.before), all(run.after)]
  const samples = answers(earlier.answers, later.answers)
  const paragraphs = [
    `${escape(run.name, 60)}: ${run.steps} steps${run.seconds === undefined ? "" : ` in ${format.duration(run.seconds)}`}`,
    benchmarks(earlier.measures, later.measures),
    ...(samples === "" ? [] : [`answers before and after\n\n${samples}`]),
    `adapter (PEFT): ${escape(run.adapter.path, 400)}\n        digest: ${escape(run.adapter.digest)}`,
  ]
  return `${paragraphs.join("\n\n")}\n`
}
