/** What `hmx resume` says of a run that is done: how it ended, and where its report is. Nothing is written, and a dead one's lock goes. */
import { escape } from "@hmx/report"
import { ArmsFolder, lookAtArms, RunFolder, runState } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { resolve } from "node:path"
import { Ended, stoppedEarly } from "./exit.ts"
import { shown } from "./paths.ts"
import { quotePath } from "./shell.ts"

interface Ending {
  readonly how: string
  readonly early: boolean
  /** As a program reads it. */
  readonly outcome: unknown
}

const done: ReadonlySet<string> = new Set(["finished", "stopped early"])

const ofArms = Effect.fnUntraced(function* (folder: string) {
  const comparison = yield* lookAtArms(folder)
  const { arms } = comparison
  if (!arms.every(({ state }) => done.has(state))) return undefined
  const early = arms.filter(({ state }) => state === "stopped early")
  const how = `its ${arms.length} arms have ${early.length === 0 ? "finished" : `finished, ${early.length} of them stopped early`}`
  return { how, early: early.length > 0, outcome: { folder, seconds: 0, comparison } } satisfies Ending
})

const ofOne = Effect.fnUntraced(function* (folder: string) {
  const { because, state } = yield* runState(folder)
  if (!done.has(state)) return undefined
  const [{ steps }, result] = [yield* RunFolder.readRecord(folder), yield* RunFolder.readResult(folder)]
  const why = because === undefined ? "" : `: ${escape(because, 300)}`
  const nothing = { folder, seconds: 0, doneBefore: result.steps, pieces: { found: 0, made: 0 } }
  const how = `it ${state} after ${result.steps} of ${steps} steps${why}`
  return { how, early: state === "stopped early", outcome: { ...result, ...nothing } } satisfies Ending
})

/** Says so where the run is done, and whether it did. One that met a condition of `stopWhen` ends with its own exit code. */
export const alreadyDone = Effect.fnUntraced(function* (run: string, { json }: { readonly json: boolean }) {
  const folder = shown(resolve(run))
  const ending = yield* (yield* ArmsFolder.is(folder)) ? ofArms(folder) : ofOne(folder)
  if (ending === undefined) return false
  // Killed between the report and the end. A folder that is only read is told of all the same.
  yield* Effect.ignore(RunFolder.clearLocks(folder))
  const name = escape(folder)
  process.stdout.write(
    json
      ? `${JSON.stringify({ _tag: "Outcome", ...ending.outcome })}\n`
      : `${name} is done: ${ending.how}\nits report: npx hmx runs show ${quotePath(folder)} (${name}/report.json)\n`,
  )
  if (ending.early) yield* new Ended({ code: stoppedEarly })
  return true
})
