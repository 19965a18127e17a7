/** What the end of a contrast or a sweep prints, wherever its arms ran. */
import { escape, sideBySide } from "@hmx/report"
import { type Comparison, lookAtArms } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { armAdapters } from "./armAdapters.ts"
import { type ArmsTable, armsTable, armsText, armsValue, writeArmsTable } from "./eval/armsTable.ts"
import { pairedArms } from "./eval/pairedArms.ts"

interface End {
  readonly folder: string
  readonly comparison: Comparison
  readonly seconds?: number
}

/** Writes the benchmarks' table of a contrast into its folder; the text of the end, or its JSON. */
export const armsEnd = Effect.fnUntraced(function* (end: End, { json }: { readonly json: boolean }) {
  const { folder } = end
  // The arms are done and saved: a table that cannot be made or written does not take that back.
  const found = yield* Effect.result(
    Effect.gen(function* () {
      const made = yield* armsTable(folder, end.comparison)
      return { made, written: made === undefined ? undefined : yield* writeArmsTable(made) }
    }),
  )
  if (Result.isFailure(found)) noTable(found.failure)
  const { made, written } = Result.getOrElse(found, () => ({ made: undefined, written: undefined }))
  // Records that cannot be read leave the interval that needs none, which the legend tells.
  const comparison = yield* Effect.orElseSucceed(pairedArms(folder, end.comparison, made?.pair), () => end.comparison)
  if (json)
    return JSON.stringify({
      _tag: "Outcome",
      ...end,
      comparison,
      ...(made === undefined ? {} : { benchmarks: armsValue(made) }),
    })
  const parts = [
    armsSides(comparison, made),
    armAdapters(folder, comparison),
    ...(written === undefined ? [] : [written]),
  ]
  return `\n${parts.join("\n\n")}`
})

const noTable = ({ message }: { readonly message: string }): void =>
  void process.stderr.write(`the table of benchmarks is left out: ${escape(message, 600)}\n`)

/** Arms that are done or not, as `hmx runs show` has them. */
export const armsShown = Effect.fnUntraced(function* (folder: string) {
  const looked = yield* lookAtArms(folder)
  const found = yield* Effect.result(armsTable(folder, looked))
  if (Result.isFailure(found)) noTable(found.failure)
  const made = Result.getOrElse(found, () => undefined)
  return armsSides(yield* pairedArms(folder, looked, made?.pair), made)
})

/** Arms side by side, with the benchmarks' table where there is one. */
const armsSides = (comparison: Comparison, made: ArmsTable | undefined): string =>
  made === undefined
    ? sideBySide(comparison)
    : sideBySide(comparison, `before training, and after it in each arm\n\n${armsText(made)}`)
