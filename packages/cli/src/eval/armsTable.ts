/** The paper's table of a contrast whose arms have measured before and after training, printed and as files in its folder. */
import { comparison, comparisonCsv, comparisonJson, comparisonMarkdown, escape } from "@hmx/report"
import { ArmsFolder, type Comparison, failing, makeFolders, writeFile } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { join, resolve } from "node:path"
import { shown } from "../paths.ts"
import { quotePath } from "../shell.ts"
import { writeExport } from "./exports.ts"
import { inCommon } from "./inCommon.ts"
import { loadEvaluation } from "./loadEvaluation.ts"
import { type Named, type PaperTable, paperTable } from "./paperTable.ts"

export interface ArmsTable extends PaperTable {
  /** The folder of all arms. */
  readonly folder: string
  /** Each arm's folder and what it measured after training. */
  readonly arms: ReadonlyArray<Named & { readonly folder: string }>
  readonly before: Named["evaluation"]
}

/**
 * Undefined where arms are not done, or have not measured both times; and of a sweep or of several seeds, whose arms are more than two
 * sides of one question.
 */
export const armsTable = Effect.fnUntraced(function* (folder: string, { arms, kind, measures }: Comparison) {
  const isDone = arms.every(({ state }) => state === "finished" || state === "stopped early")
  const isMeasured = arms.every((_, i) => measures.some(({ after }) => after[i] !== null))
  const isBefore = measures.some(({ before }) => before[0] !== null)
  const seeded = arms.some(({ at }) => "seed" in at)
  if (kind !== "contrast" || seeded || !isDone || !isMeasured || !isBefore) return undefined
  const names = arms.map(({ name }) => name)
  const folders = names.map((_, i) => ArmsFolder.armFolder(shown(resolve(folder)), names, i))
  const before = yield* loadEvaluation(folders[0] ?? folder, 0)
  const after = yield* Effect.forEach(arms, ({ name, step }, i) => {
    const of = folders[i] ?? folder
    return Effect.map(loadEvaluation(of, step), (evaluation) => ({ name, folder: of, evaluation }))
  })
  // Data may have been changed while arms were at work, or an arm have gone on with other data by --force.
  const { cuts, sides } = yield* Effect.fromResult(
    inCommon([{ name: "before", folder: folders[0] ?? folder, evaluation: before }, ...after]),
  )
  const [base, ...same] = sides
  const made = paperTable(base?.evaluation ?? before, same)
  if (made === undefined) return undefined
  const found: ArmsTable = { ...made, table: { ...made.table, cuts }, folder, arms: after, before }
  return found
})

/** The table as text. */
export const armsText = ({ pair, table }: ArmsTable): string => comparison(table, pair)

/** As one value for programs. */
export const armsValue = ({ pair, table }: ArmsTable) => comparisonJson(table, pair)

/**
 * Writes `export/benchmarks.{csv,json,md}` of the folder, and in each arm's the results in lm-evaluation-harness's layout, before and
 * after; the lines that name the files.
 */
export const writeArmsTable = Effect.fnUntraced(function* (made: ArmsTable) {
  const { arms, before, folder, pair, table } = made
  const to = join(shown(resolve(folder)), "export")
  yield* failing("make", to)(makeFolders(to))
  const files = {
    "benchmarks.csv": comparisonCsv(table, pair),
    "benchmarks.json": `${JSON.stringify(armsValue(made), null, 2)}\n`,
    "benchmarks.md": comparisonMarkdown(table, pair),
  }
  const tables = yield* Effect.forEach(Object.entries(files), ([name, text]) =>
    Effect.as(writeFile(join(to, name), text), join(to, name)),
  )
  const results = yield* Effect.forEach(arms, (arm, i) =>
    Effect.forEach([...(i === 0 ? [before] : []), arm.evaluation], (evaluation) =>
      writeExport(arm.folder, evaluation, "lm-eval"),
    ),
  )
  const [first] = arms
  return [
    "written",
    ...[...tables, ...results.flat(2)].map((path) => `  ${escape(shown(resolve(path)), 400)}`),
    `items, and Inspect's logs: npx hmx eval show ${quotePath(first?.folder ?? folder)} --task TASK --wrong, or --export inspect`,
  ].join("\n")
})
