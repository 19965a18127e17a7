/** What arms are apart, item by item: in the place of the runtime's intervals, which know no items, where arms have kept records. */
import { armGroup, ArmsFolder, type Comparison, type Difference } from "@hmx/runtime"
import type { Pair } from "@hmx/report"
import * as Effect from "effect/Effect"
import { resolve } from "node:path"
import { shown } from "../paths.ts"
import { loadEvaluation } from "./loadEvaluation.ts"
import { apart } from "./paperTable.ts"

/** The one pair of arms that a difference is of, under one seed; undefined under several. */
const pairOf = ({ arms, measures }: Comparison, of: Difference) => {
  if (of.pairs !== 1) return undefined
  const measure = measures.find(({ metric, task }) => task === of.task && metric === of.metric)
  const isMeasured = (i: number) => measure?.after[i] !== null && measure?.after[i] !== undefined
  for (const [i, one] of arms.entries()) {
    if (armGroup(one) !== of.more || !isMeasured(i)) continue
    const j = arms.findIndex((other) => armGroup(other) === of.less && other.at["seed"] === one.at["seed"])
    if (j >= 0 && isMeasured(j)) return { more: i, less: j }
  }
  return undefined
}

/**
 * The comparison with paired differences of the first two arms, as the tables show them, under one seed; `known`: what is computed of them
 * already. What several seeds say stays as it is.
 */
export const pairedArms = Effect.fnUntraced(function* (folder: string, comparison: Comparison, known?: Pair) {
  const { arms, differences } = comparison
  const names = arms.map(({ name }) => name)
  const load = (i: number) =>
    loadEvaluation(ArmsFolder.armFolder(shown(resolve(folder)), names, i), arms[i]?.step).pipe(
      Effect.map((evaluation) => ({ name: names[i] ?? "", evaluation })),
    )
  const found = new Map(known === undefined ? [] : [[keyOf(known.more, known.less), known]])
  const paired: Array<Difference> = []
  for (const one of differences) {
    const pair = one.less === differences[0]?.less ? pairOf(comparison, one) : undefined
    if (pair === undefined) {
      paired.push(one)
      continue
    }
    const key = keyOf(names[pair.more] ?? "", names[pair.less] ?? "")
    const { figures } = found.get(key) ?? apart(yield* load(pair.more), yield* load(pair.less))
    found.set(key, { more: one.more, less: one.less, figures })
    const figure = figures.find(({ metric, task }) => task === one.task && metric === one.metric)
    if (figure === undefined) paired.push(one)
    else {
      const { high, low, p, value } = figure
      paired.push({ ...one, value, low, high, p })
    }
  }
  const made: Comparison = { ...comparison, differences: paired }
  return made
})

const keyOf = (more: string, less: string): string => JSON.stringify([more, less])
