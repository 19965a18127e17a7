/** `hmx eval score TASK FILE`: scores a file of outputs. No model is asked. */
import { byName, interval95, readAll, score } from "@hmx/evals"
import { dataService } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import type { Found } from "../data/places.ts"
import { locateFrom, shown } from "../paths.ts"
import { chooseTasks } from "./chooseTasks.ts"
import { table } from "./table.ts"

export interface Options {
  readonly task: string
  readonly file: string
  readonly data?: string | undefined
  readonly limit?: number | undefined
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
  const scores = yield* Effect.fromResult(score(benchmark, items.slice(0, options.limit), outputs))
  const figures = scores.measures.map((measure) => ({ ...measure, ...interval95(measure) }))
  process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : `${table(figures)}\n`)
})
