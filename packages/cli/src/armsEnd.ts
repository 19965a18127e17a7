/** What the end of a contrast or a sweep prints, wherever its arms ran. */
import { sideBySide } from "@hmx/report"
import type { Comparison } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { armAdapters } from "./armAdapters.ts"
import { type ArmsTable, armsTable, armsText, armsValue, writeArmsTable } from "./eval/armsTable.ts"

interface End {
  readonly folder: string
  readonly comparison: Comparison
  readonly seconds?: number
}

/** Writes the benchmarks' table of a contrast into its folder; the text of the end, or its JSON. */
export const armsEnd = Effect.fnUntraced(function* (end: End, { json }: { readonly json: boolean }) {
  const { comparison, folder } = end
  const made = yield* armsTable(folder, comparison)
  const written = made === undefined ? undefined : yield* writeArmsTable(made)
  if (json)
    return JSON.stringify({ _tag: "Outcome", ...end, ...(made === undefined ? {} : { benchmarks: armsValue(made) }) })
  const parts = [
    armsSides(comparison, made),
    armAdapters(folder, comparison),
    ...(written === undefined ? [] : [written]),
  ]
  return `\n${parts.join("\n\n")}`
})

/** Arms side by side, with the benchmarks' table where there is one. */
export const armsSides = (comparison: Comparison, made: ArmsTable | undefined): string =>
  made === undefined
    ? sideBySide(comparison)
    : sideBySide(comparison, `before training, and after it in each arm\n\n${armsText(made)}`)
