/** `hmx run` and `hmx resume` of a contrast or a sweep: its arms beside each other, and at the end side by side. */
import { escape } from "@hmx/report"
import * as Runtime from "@hmx/runtime"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import { Errors, type Plan } from "hmx"
import { existsSync, readdirSync } from "node:fs"
import { armsEnd } from "./armsEnd.ts"
import { type ArmsScreen, armsScreen } from "./ArmsScreen.ts"
import { Ended, failed, isUsers, overBudget, stoppedEarly } from "./exit.ts"
import { loadArms, type More } from "./loadRun.ts"
import { Models } from "./Models.ts"
import { locateFrom } from "./paths.ts"
import { type Options, placeOf, sourceOf, versions } from "./newRun.ts"
import { changedPlan } from "./settings.ts"
import { goOnWith } from "./shell.ts"
import { storeFolder } from "./storeFolder.ts"
import { endSoon, told } from "./train.ts"

interface Mode {
  readonly quiet: boolean
  readonly json: boolean
}

/** What is asked of workers where there are none. */
export const onlyWithWorkers = ({
  detach = false,
  workers,
}: {
  readonly detach?: boolean
  readonly workers?: string | undefined
}) =>
  detach && workers === undefined
    ? Effect.fail(
        new Errors.BadInput({ where: "--detach", found: "no --workers", expected: "workers that go on alone" }),
      )
    : Effect.void

export const runArms = Effect.fnUntraced(function* (
  given: { readonly file: string; readonly plan: Plan },
  options: Options,
) {
  const { file } = given
  const plan = yield* changedPlan(given.plan, options)
  const locate = locateFrom(file)
  const { model: named, seed } = first(plan).settings
  const model = yield* (yield* Models).find(named, locate, options)
  const at = placeOf(plan.name, seed, options)
  // An arm's folder lies two below that of all.
  const source = (arm?: string) => sourceOf(options, file, arm === undefined ? at.folder : `${at.folder}/arms/arm`, arm)
  const { detach = false, keep, workers } = options
  if (workers !== undefined) {
    const { workersRun } = yield* Effect.promise(() => import("./workersRun.ts"))
    const given = { file, plan, locate, where: at.place, source, keep, engine: options }
    yield* workersRun(given, { ...options, workers, detach })
    return
  }
  yield* beside({ file, plan }, options, (screen) =>
    Runtime.runArms(plan, {
      model,
      locate,
      place: at.place,
      keep: options.keep,
      store: storeFolder(options.store),
      source,
      versions,
      onEvent: screen.show,
    }),
  )
})

export const resumeArms = Effect.fnUntraced(function* (
  options: Mode &
    More & {
      readonly run: string
      readonly store?: string | undefined
      readonly workers?: string | undefined
      readonly detach?: boolean
    },
) {
  const { file, folder, locate, plan, source, store } = yield* loadArms(options.run, options)
  const { detach = false, workers } = options
  if (workers !== undefined) {
    const { workersRun } = yield* Effect.promise(() => import("./workersRun.ts"))
    const given = {
      file,
      plan,
      locate,
      where: { resume: folder },
      source: () => source,
      budget: options,
      engine: source.engine,
    }
    yield* workersRun(given, { ...options, workers, detach })
    return
  }
  const model = yield* (yield* Models).find(first(plan).settings.model, locate, source.engine)
  const of = (arm?: string) =>
    arm === undefined
      ? { ...source, arm }
      : {
          ...source,
          arm,
          file: below(source.file),
          store: typeof source.store === "string" ? below(source.store) : source.store,
        }
  yield* beside(
    { file, plan },
    options,
    (screen) => Runtime.resumeArms(plan, folder, { model, locate, store, source: of, versions, onEvent: screen.show }),
    folder,
  )
})

/** A path from the folder of all, as from that of an arm. */
const below = (path: string): string => `../../${path}`

/** The first arm's experiment: its model is that of all. */
const first = ({ entries }: Plan) => {
  const [entry] = entries
  if (entry === undefined) throw new Error("a plan has at least one arm")
  return entry.experiment
}

/** Shows arms from their start to their end, however that comes. */
const beside = <E>(
  { file, plan }: { readonly file: string; readonly plan: Plan },
  mode: Mode,
  work: (screen: ArmsScreen) => Effect.Effect<Runtime.ArmsOutcome, E, FileSystem.FileSystem>,
  resumed?: string,
) =>
  Effect.gen(function* () {
    const view = armsScreen(
      plan.entries.map(({ name }) => name),
      mode,
    )
    const stopped = () => {
      const folder = view.folder() ?? resumed
      const saved = folder !== undefined && existsSync(`${folder}/arms`) && readdirSync(`${folder}/arms`).length > 0
      const goOn = saved ? goOnWith(folder) : "nothing was saved"
      process.stderr.write(`\nstopped; ${goOn}\n`)
    }
    yield* endSoon(stopped)
    const outcome = yield* work(view).pipe(
      Effect.mapError((error) => told(error, { file, experiment: first(plan) })),
      Effect.onInterrupt(() => Effect.sync(stopped)),
    )
    const { comparison, folder, seconds } = outcome
    view.print(yield* armsEnd({ comparison, folder, seconds }, mode))
    const code = yield* tell(outcome)
    if (code !== 0) yield* new Ended({ code })
  }).pipe(Effect.scoped)

/** What went wrong, arm by arm, on stderr; and the exit code: the worst that happened. */
const tell = ({ arms, comparison, folder }: Runtime.ArmsOutcome) =>
  Effect.sync(() => {
    let [broken, used, refused] = [false, false, true]
    for (const arm of arms) {
      const failure = Runtime.failureOf(arm)
      if (failure === undefined) continue
      if (failure instanceof Runtime.BudgetUsed) used = true
      else broken = true
      refused &&= isUsers(failure)
      const message = failure instanceof Error ? failure.message : "it failed without an error"
      process.stderr.write(
        `${failure instanceof Runtime.BudgetUsed ? "" : "error: "}${escape(arm.name, 60)}: ${escape(message, 1000)}\n`,
      )
    }
    // Of arms that could not begin there is nothing left to go on with.
    const left = existsSync(folder)
    if (left && (broken || used)) {
      const flags = used && !broken ? " with a greater --max-time or --max-tokens" : ""
      process.stderr.write(`${goOnWith(folder)}${flags}\n`)
    }
    if (broken) return left || !refused ? failed : 2
    if (used) return overBudget
    return comparison.arms.some(({ state }) => state === "stopped early") ? stoppedEarly : 0
  })
