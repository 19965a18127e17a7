/** What the end of a run prints. */
import type { Artefact } from "hmx"
import { answers } from "./answers.ts"
import { benchmarks, legend } from "./benchmarks.ts"
import { escape } from "./escape.ts"
import * as format from "./format.ts"
import { type Held, held } from "./held.ts"
import { sparkline } from "./Progress.ts"

/** A finished run. `before` and `after` are its first and last evaluations, empty where there was none. */
export interface Finished {
  readonly name: string
  readonly steps: number
  /** Why there were no more, where a condition ended it. */
  readonly stopped?: string
  /** Absent where a run of the past is shown. */
  readonly seconds?: number
  /** Steps that were done before those seconds began. Default: none. */
  readonly doneBefore?: number
  readonly model: { readonly name: string; readonly digest: string }
  /** Mean reward of each step, in order. */
  readonly rewards: ReadonlyArray<number>
  readonly adapter: { readonly path: string; readonly digest: string }
  /** What its stages held; empty where nothing is known of it. */
  readonly memory?: ReadonlyArray<Held>
  readonly before: ReadonlyArray<Artefact.Report>
  readonly after: ReadonlyArray<Artefact.Report>
  /** Sentences on what of before and after is not of the same questions. Default: none. */
  readonly unlike?: ReadonlyArray<string>
}

/** Its figures are easily taken for more than they are. */
const nano =
  "nano is a made model: its benchmarks are miniatures, and what style and agreement have to do with each other was planted\n(packages/nano/checkpoint/README.md). Nothing about people or larger models follows from its figures."

/** The reward over the run, in a line. */
const course = (rewards: ReadonlyArray<number>): ReadonlyArray<string> => {
  const [first, last] = [rewards.at(0), rewards.at(-1)]
  return first === undefined || last === undefined
    ? []
    : [`reward ${format.figure(first)} ${sparkline(rewards, 60)} ${format.figure(last)}`]
}

const all = (reports: ReadonlyArray<Artefact.Report>) => ({
  measures: reports.flatMap((r) => r.measures),
  answers: reports.flatMap((r) => r.answers),
})

/** How many steps there were, and what those of the last session took. */
const length = ({ doneBefore = 0, seconds, steps }: Finished): string => {
  const all = `${steps} ${steps === 1 ? "step" : "steps"}`
  if (seconds === undefined) return all
  const took = `in ${format.duration(seconds)}`
  return doneBefore === 0 ? `${all} ${took}` : `${steps - doneBefore} of ${all} ${took}, the others before`
}

/** Benchmark table before/after, three answers before/after, and where the adapter lies. */
export const summary = (run: Finished): string => {
  const [earlier, later] = [all(run.before), all(run.after)]
  const samples = answers(earlier.answers, later.answers)
  const memory = held(run.memory ?? [])
  const paragraphs = [
    `${escape(run.name, 60)}: ${length(run)}`,
    ...(run.stopped === undefined ? [] : [`stopped early, and done: ${escape(run.stopped)}`]),
    ...course(run.rewards),
    `${benchmarks(earlier.measures, later.measures)}\n${legend}`,
    ...(run.unlike === undefined || run.unlike.length === 0
      ? []
      : [run.unlike.map((said) => escape(said, 600)).join("\n")]),
    ...(memory === "" ? [] : [memory]),
    ...(samples === "" ? [] : [`answers before and after\n\n${samples}`]),
    ...(run.model.name === "nano" ? [nano] : []),
    run.adapter.digest === ""
      ? "no adapter was trained"
      : `adapter (PEFT): ${escape(run.adapter.path, 400)}\n        digest: ${escape(run.adapter.digest)}`,
  ]
  return `${paragraphs.join("\n\n")}\n`
}
