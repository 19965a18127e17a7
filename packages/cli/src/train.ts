/** What `run` and `resume` have in common: the screen, the end's summary, and how each end is told. */
import { changes, escape, format, reservations, summary } from "@hmx/report"
import { Beside, BudgetUsed, Miswired, OverBudget, type Outcome, RunFailed, type RunFolder } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import { otherQuestions } from "./eval/otherQuestions.ts"
import { Ended, endCode, failed, interrupted, isUsers, stoppedEarly } from "./exit.ts"
import type { Pipeline } from "./loadPipeline.ts"
import { shown } from "./paths.ts"
import { Refused } from "./Refused.ts"
import { type Screen, screen } from "./Screen.ts"
import { goOnWith } from "./shell.ts"
import { stageLine } from "./stageLine.ts"

/** Shows a run from its start to its end, however that comes; `resumed` is the folder of one that goes on. */
export const train = (
  pipeline: Pipeline,
  mode: { readonly quiet: boolean; readonly json: boolean },
  work: (screen: Screen) => Effect.Effect<Outcome, unknown, unknown>,
  resumed?: string,
) =>
  Effect.gen(function* () {
    const view = screen(mode)
    const goOn = (): string => {
      const folder = view.folder() ?? resumed
      if (folder === undefined || !existsSync(folder)) return "nothing was saved"
      const saved = lastSaved(folder)
      const what = saved === undefined ? "no step was done" : `saved: ${escape(shown(resolve(saved)))}`
      return `${what}\n${goOnWith(folder)}`
    }
    const stopped = () => process.stderr.write(`\nstopped; ${goOn()}\n`)
    yield* endSoon(stopped)
    const outcome = yield* provided(work(view)).pipe(
      Effect.mapError((error) => told(error, pipeline)),
      Effect.catch((error) => {
        // What is the user's to mend is no refusal any more when work was done, and is saved.
        const late = isUsers(error) && view.worked()
        if (!late && !(error instanceof RunFailed) && !(error instanceof BudgetUsed)) return Effect.fail(error)
        view.print("")
        const [end, more] = error instanceof BudgetUsed ? ["stopped", ` ${moreOf(error)}`] : ["error", ""]
        const message = error instanceof Error ? error.message : String(error)
        process.stderr.write(`${end}: ${escape(message, 1000)}\n${goOn()}${more}\n`)
        return Effect.fail(late ? new Ended({ code: failed }) : error)
      }),
      Effect.onInterrupt(() => Effect.sync(stopped)),
    )
    const unlike = yield* otherQuestions(outcome)
    if (mode.json) for (const said of unlike) process.stderr.write(`${said}\n`)
    view.print(
      mode.json
        ? JSON.stringify({ _tag: "Outcome", ...outcome })
        : `\n${ending({ ...outcome, unlike })}${fromStore(outcome)}`,
    )
    if (outcome.stopped !== undefined) yield* new Ended({ code: stoppedEarly })
  }).pipe(Effect.scoped)

/** The checkpoint of the last step that is done in a run's folder; undefined where none is. */
const lastSaved = (folder: string): string | undefined => {
  const checkpoints = `${folder}/checkpoints`
  const steps = existsSync(checkpoints)
    ? readdirSync(checkpoints).map((name) => Number(/^step-([1-9]\d*)$/.exec(name)?.[1] ?? 0))
    : []
  const last = Math.max(0, ...steps)
  return last === 0 ? undefined : `${checkpoints}/step-${last}`
}

/** How much of the work was done before, by this run or another. */
const fromStore = ({ pieces: { found, made } }: Outcome): string =>
  found === 0 ? "" : `\nfound in the store: ${found} of ${found + made} pieces of the work\n`

/** The flag with which a run goes on whose budget is used up. */
export const moreOf = ({ of }: BudgetUsed): string => (of === "time" ? "--max-time TIME" : "--max-tokens N")

/** The summary of a finished run; `seconds` is there where the run has just ended, where some steps were `doneBefore`. */
export const ending = (
  run: RunFolder.Result & {
    readonly folder: string
    readonly seconds?: number
    readonly doneBefore?: number
    readonly unlike?: ReadonlyArray<string>
  },
): string => {
  const { adapter, evaluations, folder } = run
  return summary({
    ...run,
    adapter: { path: `${shown(resolve(folder))}/${adapter.path}`, digest: adapter.digest },
    rewards: rewards(folder),
    memory: memory(folder),
    // What was not measured then is not there: an evaluation in between is neither.
    before: evaluations.find(({ step }) => step === 0)?.reports ?? [],
    after: evaluations.find(({ step }) => step === run.steps)?.reports ?? [],
  })
}

/** What the run's stages held; nothing where it did not say. */
const memory = (folder: string) => {
  const file = `${folder}/memory.json`
  return existsSync(file) ? (Beside.parse(readFileSync(file, "utf8"))?.stages ?? []) : []
}

/** The reward of each step that metrics.jsonl has; a line that cannot be read is left out: this is for the eye. */
const rewards = (folder: string): ReadonlyArray<number> => {
  const file = `${folder}/metrics.jsonl`
  if (!existsSync(file)) return []
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => {
      const found = /"reward":(-?[\d.e+-]+)/.exec(line)
      return found === null ? [] : [Number(found[1])]
    })
}

/** Milliseconds that a stopped run has to put its things in order. */
const patience = 1800

/**
 * A signal interrupts the run, which gives its model and its folder back. Where that hangs, the process ends all the same: what is
 * saved is whole at every moment.
 */
export const endSoon = (lastWords: () => void) => {
  const end = () => {
    lastWords()
    process.exit(endCode(interrupted))
  }
  const onSignal = () => setTimeout(end, patience).unref()
  const signals = ["SIGINT", "SIGTERM"] as const
  return Effect.acquireRelease(
    Effect.sync(() => signals.forEach((signal) => process.once(signal, onSignal))),
    () => Effect.sync(() => signals.forEach((signal) => process.off(signal, onSignal))),
  )
}

/**
 * The types of an experiment that comes from a file are not known here. What its stages ask for beside the runtime's services is
 * provided by nobody, and such a stage dies with the service's name.
 */
const provided = (effect: Effect.Effect<Outcome, unknown, unknown>) =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  effect as Effect.Effect<Outcome, unknown, FileSystem.FileSystem>

/** A wiring error with the line of its stage, a budget with its table; other errors have their own words. */
export const told = (error: unknown, { experiment, file }: Pipeline): unknown => {
  if (error instanceof OverBudget) {
    const worst = error.stages.reduce((a, b) => (b.bytes > a.bytes ? b : a), { stage: "the model", bytes: 0 })
    const needs = `${escape(worst.stage, 40)} needs ${format.bytes(error.weights + error.stays + worst.bytes)} with the weights`
    const budget = `the budget is ${format.bytes(error.budget)}`
    const lines = [`memory: ${needs}, and ${budget}`, "", reservations(error), ...changes(error.changes ?? [])]
    return new Refused({ message: lines.join("\n") })
  }
  if (error instanceof Miswired) {
    const problem = error.problems[0]
    const names = experiment.stages.map((stage) => stage.name)
    const line = stageLine(readFileSync(file, "utf8"), names, problem?.index ?? 0)
    return new Refused({ message: `${shown(file)}${line === undefined ? "" : `:${line}`}: ${problem?.sentence ?? ""}` })
  }
  return error
}
