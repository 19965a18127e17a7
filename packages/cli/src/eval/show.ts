/** `hmx eval show RUN`: the figures of an evaluation, and each item's record: of `hmx eval`, or of a training run's Evaluate. */
import { bounded, interval95 } from "@hmx/evals"
import { escape } from "@hmx/report"
import { ItemRecords, RunFolder } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { type AnsweredItem, Errors, type ItemRecord, nearest } from "hmx"
import { resolve } from "node:path"
import { oneRun } from "../oneRun.ts"
import { shown } from "../paths.ts"
import * as EvalFolder from "./EvalFolder.ts"
import { type Layout, writeExport } from "./exports.ts"
import { loadEvaluation } from "./loadEvaluation.ts"
import { isEvaluation, measured } from "./measured.ts"
import { oneTemplate } from "./oneTemplate.ts"
import { table } from "./table.ts"

export interface Options {
  readonly run: string
  readonly task?: string | undefined
  readonly wrong: boolean
  readonly limit: number
  readonly step?: number | undefined
  readonly json: boolean
  readonly export?: Layout | undefined
}

export const show = Effect.fnUntraced(function* (options: Options) {
  if (options.wrong && options.task === undefined) {
    const expected = "the task whose items are meant, by --task"
    return yield* new Errors.BadInput({ where: "--wrong", found: "no --task", expected })
  }
  yield* oneRun(options.run)
  const folder = shown(resolve(options.run))
  if (options.export !== undefined) {
    const paths = yield* writeExport(folder, yield* loadEvaluation(folder, options.step), options.export)
    process.stdout.write(paths.map((path) => `written: ${escape(shown(resolve(path)))}\n`).join(""))
    return undefined
  }
  const place = yield* recordsOf(folder, options.step)
  if (options.task === undefined) {
    const { measures } = yield* measured(folder, options.step)
    const figures = measures.map((measure) => ({ ...measure, ...interval95(measure) }))
    if (options.json) process.stdout.write(`${JSON.stringify(figures)}\n`)
    else process.stdout.write(`${table(figures)}\n${yield* counts(place.folders)}`)
    return undefined
  }
  const records = yield* recordsOfTask(place, options.task)
  const asked = options.wrong ? records.filter(isWrong) : records
  const some = asked.slice(0, options.limit)
  if (options.json) process.stdout.write(some.map((record) => `${JSON.stringify(record)}\n`).join(""))
  else {
    const what = `${escape(options.task, 60)}: ${some.length} of ${asked.length}${options.wrong ? " wrong" : ""} items (${records.length} in all)`
    process.stdout.write(`${[what, ...some.map(item)].join("\n\n")}\n`)
  }
  return undefined
})

interface Place {
  readonly where: string
  readonly folders: ReadonlyArray<string>
}

/** Where the records are: of an evaluation, or of a training run after so many steps (the last that has any). */
const recordsOf = Effect.fnUntraced(function* (folder: string, step: number | undefined) {
  if (yield* isEvaluation(folder)) {
    const place: Place = { where: folder, folders: [EvalFolder.records(folder)] }
    return place
  }
  const steps = yield* RunFolder.recordedSteps(folder)
  const last = step ?? steps.at(-1)
  if (last === undefined || !steps.includes(last)) {
    const found = last === undefined ? "no records of items" : `none after step ${last}`
    const expected = steps.length === 0 ? "a run that has measured benchmarks" : `--step ${steps.join(" or ")}`
    return yield* new Errors.BadInput({ where: `${folder}/evaluations`, found, expected })
  }
  const place: Place = {
    where: `${folder}, step ${last}`,
    folders: yield* RunFolder.recordFolders(folder, last),
  }
  return place
})

const recordsOfTask = Effect.fnUntraced(function* ({ folders, where }: Place, task: string) {
  const known: Array<string> = []
  for (const folder of folders) {
    const tasks = yield* ItemRecords.tasks(folder)
    if (tasks.includes(task)) return yield* ItemRecords.read(folder, task)
    known.push(...tasks)
  }
  const meant = nearest(task, known)
  const expected = meant === undefined ? "a task with records" : `a task of it; did you mean ${escape(meant, 80)}?`
  return yield* new Errors.BadInput({ where, found: `no records of ${escape(task, 80)}`, expected })
})

const isWrong = (record: ItemRecord): boolean => "wrong" in record && record.wrong

/** How many records each task has. */
const counts = Effect.fnUntraced(function* (folders: ReadonlyArray<string>) {
  const lines: Array<string> = []
  for (const folder of folders)
    for (const task of yield* ItemRecords.tasks(folder)) {
      const records = yield* ItemRecords.read(folder, task)
      const wrong = records.filter(isWrong).length
      const long = records.filter((record) => "tooLong" in record).length
      lines.push(
        ...oneTemplate(task, records),
        `${escape(task, 60)}: ${records.length} records, ${wrong} wrong${long === 0 ? "" : `, ${long} too long`}`,
      )
    }
  return lines.length === 0 ? "" : `\n${lines.join("\n")}\n`
})

/** A text of somebody else's, on lines of its own; each is made safe, and there are not too many. */
const block = (text: string): string =>
  bounded(text, 2400)
    .split("\n")
    .slice(0, 60)
    .map((line) => `    ${escape(line, 2000)}`)
    .join("\n")

const item = (record: ItemRecord): string => {
  if ("tooLong" in record)
    return `${escape(record.id, 100)}: longer than the context (${record.tokens} tokens), not asked`
  const mark = record.wrong === undefined ? "" : record.wrong ? " ✗" : " ✓"
  return [
    `${escape(record.id, 100)}${mark}${record.cutOff === true ? " (did not end within its tokens)" : ""}`,
    ...(record.asked === undefined ? [] : ["  asked", block(record.asked)]),
    ...answered(record),
    ...(record.expected === undefined ? [] : ["  right", block(record.expected)]),
    `  ${figures(record)}`,
  ].join("\n")
}

const figures = ({ values }: AnsweredItem): string =>
  Object.entries(values)
    .map(([name, value]) => `${escape(name, 60)} ${Number.isInteger(value) ? value : value.toPrecision(4)}`)
    .join("  ")

const answered = ({ answer, choices }: AnsweredItem): ReadonlyArray<string> => {
  if (answer.kind === "text") {
    const turns = answer.turns ?? [answer.text]
    return turns.flatMap((turn, i) => [turns.length > 1 ? `  answered (${i + 1})` : "  answered", block(turn)])
  }
  const best = Math.max(...answer.scores)
  return [
    "  weighed",
    ...answer.scores.map((score, i) => {
      const mark = score === best ? "▸" : " "
      return `  ${mark} ${score.toFixed(3).padStart(10)}  ${escape((choices?.[i] ?? "").trim(), 200)}`
    }),
  ]
}
