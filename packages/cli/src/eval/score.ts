/** `hmx eval score TASK FILE`: scores a file of outputs. No model is asked. */
import { byName, interval95, readAll, score } from "@hmx/evals"
import { escape } from "@hmx/report"
import { dataService, writeFile } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { Errors } from "hmx"
import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import type { Found } from "../data/places.ts"
import { locateFrom, shown } from "../paths.ts"
import { chooseTasks } from "./chooseTasks.ts"
import { oneTemplate } from "./oneTemplate.ts"
import { table } from "./table.ts"

export interface Options {
  readonly task: string
  readonly file: string
  readonly data?: string | undefined
  readonly limit?: number | undefined
  readonly missing?: "empty" | undefined
  readonly records?: string | undefined
  readonly json: boolean
}

export const scoreFile = Effect.fnUntraced(function* (options: Options) {
  const benchmark = yield* Effect.fromResult(byName(options.task))
  const { chosen } = yield* chooseTasks([benchmark.name], options.data)
  const from = yield* dataService({ train: [], heldOut: [] }, locateFrom(join(process.cwd(), "eval")))
  const read = (path: string) => Effect.map(from.text(path), (text) => ({ name: shown(path), text }))
  const files = yield* Effect.forEach(
    chosen.flatMap(({ data }) => data),
    (found: Found) => read(found.path),
  )
  const items = yield* Effect.fromResult(readAll(benchmark, files, undefined))
  const outputs = yield* read(options.file)
  const asked = items.slice(0, options.limit)
  const { missing = "refused", records: to } = options
  if (to !== undefined && existsSync(to))
    return yield* new Errors.BadInput({
      where: "--records",
      found: `${shown(resolve(to))}, which is there`,
      expected: "a new file",
    })
  const scores = yield* Effect.fromResult(score(benchmark, asked, outputs, { missing }))
  if (to !== undefined)
    yield* writeFile(resolve(to), scores.records.map((record) => `${JSON.stringify(record)}\n`).join(""))
  const figures = scores.measures.map((measure) => ({ ...measure, ...interval95(measure) }))
  if (options.json) {
    process.stdout.write(`${JSON.stringify(figures)}\n`)
    return undefined
  }
  const some = scores.missing.slice(0, 5).map((id) => escape(id, 60))
  const more = scores.missing.length > some.length ? ", …" : ""
  const lines = [
    table(figures),
    ...oneTemplate(benchmark.name, scores.records),
    ...(some.length === 0
      ? []
      : [
          `${scores.missing.length} of ${asked.length} items without an output, taken for an empty one: ${some.join(", ")}${more}`,
        ]),
    ...(to === undefined ? [] : [`written: ${escape(shown(resolve(to)), 400)}`]),
  ]
  process.stdout.write(`${lines.join("\n")}\n`)
  return undefined
})
