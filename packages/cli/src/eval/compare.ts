/** `hmx eval compare ARM=FOLDER…`: arms against what was before training, and against each other, item by item. */
import { asides, comparison, comparisonCsv } from "@hmx/report"
import * as Effect from "effect/Effect"
import { type Artefact, Errors } from "hmx"
import { existsSync, readdirSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import { shown } from "../paths.ts"
import { inCommon } from "./inCommon.ts"
import { loadEvaluation } from "./loadEvaluation.ts"
import { isEvaluation, measured } from "./measured.ts"
import { paperTable } from "./paperTable.ts"

export interface Options {
  readonly arms: ReadonlyArray<string>
  readonly before?: string | undefined
  readonly csv: boolean
}

interface Arm {
  readonly name: string
  readonly folder: string
}

export const compareArms = Effect.fnUntraced(function* ({ arms: words, before: named, csv }: Options) {
  const arms = words.flatMap(armsOf)
  const twice = arms.find(({ name }, i) => arms.findIndex((arm) => arm.name === name) !== i)
  if (twice !== undefined)
    yield* new Errors.BadInput({
      where: twice.folder,
      found: `a second arm ${twice.name}`,
      expected: "name=folder",
    })
  const { before, notes } = yield* beforeOf(arms, named)
  const after = yield* Effect.forEach(arms, ({ folder, name }) =>
    Effect.map(loadEvaluation(folder, undefined), (evaluation) => ({ name, evaluation })),
  )
  const {
    cuts,
    sides: [base, ...sides],
  } = yield* Effect.fromResult(inCommon([{ name: "before", evaluation: before }, ...after]))
  const found = paperTable(base?.evaluation ?? before, sides)
  if (found === undefined)
    return yield* new Errors.BadInput({
      where: "the arms",
      found: "no figure that all of them have",
      expected: "the same benchmarks before and in every arm",
    })
  const { pair } = found
  const table = { ...found.table, cuts, notes: [...(found.table.notes ?? []), ...notes] }
  process.stdout.write(csv ? comparisonCsv(table, pair) : `${comparison(table, pair)}\n`)
  if (csv)
    process.stderr.write(
      asides(table)
        .map((said) => `${said}\n`)
        .join(""),
    )
  return undefined
})

/** "name=folder", a folder with the name of its last part, or all arms of a contrast's folder. */
const armsOf = (word: string): ReadonlyArray<Arm> => {
  const [, name, path] = /^([\w.-]+)=(.+)$/.exec(word) ?? []
  if (name !== undefined && path !== undefined) return [{ name, folder: shown(resolve(path)) }]
  const arms = join(resolve(word), "arms")
  if (!existsSync(arms)) return [{ name: basename(resolve(word)), folder: shown(resolve(word)) }]
  return readdirSync(arms)
    .toSorted()
    .map((arm) => ({ name: arm, folder: shown(join(arms, arm)) }))
}

/**
 * The evaluation that is named, or that of the first arm that is a training run before its first step; and which other runs did not measure
 * the same there, since their changes are not from what they began with.
 */
const beforeOf = Effect.fnUntraced(function* (arms: ReadonlyArray<Arm>, named: string | undefined) {
  if (named !== undefined) {
    const folder = shown(resolve(named))
    return { before: yield* loadEvaluation(folder, (yield* isEvaluation(folder)) ? undefined : 0), notes: [] }
  }
  const [first, ...others] = yield* Effect.filter(arms, ({ folder }) => Effect.map(isEvaluation(folder), (is) => !is))
  if (first === undefined)
    return yield* new Errors.BadInput({
      where: "--before",
      found: "nothing, and no arm is a training run",
      expected: "the evaluation of the model before training",
    })
  const was = figuresOf((yield* measured(first.folder, 0)).measures)
  const otherwise = yield* Effect.filter(others, ({ folder }) =>
    Effect.match(measured(folder, 0), {
      // It has measured nothing before its first step.
      onFailure: () => false,
      onSuccess: ({ measures }) =>
        [...figuresOf(measures)].some(([figure, value]) => (was.get(figure) ?? value) !== value),
    }),
  )
  const of = otherwise.map(({ name }) => name).join(", ")
  const notes =
    otherwise.length === 0
      ? []
      : [`before is that of ${first.name}: ${of} measured other figures before the first step (another seed or model)`]
  return { before: yield* loadEvaluation(first.folder, 0), notes }
})

const figuresOf = (measures: ReadonlyArray<Artefact.Measure>): ReadonlyMap<string, number> =>
  new Map(measures.map(({ metric, task, value }) => [`${task}\n${metric}`, value]))
