/** Runs the arms of a contrast or a sweep beside each other, over one loaded model; each in a run folder of its own. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { type At, LanguageModel, type Plan } from "hmx"
import { check } from "../check.ts"
import type { Locate } from "../dataService.ts"
import type { Event } from "../Event.ts"
import { loaded } from "../Loaded.ts"
import * as Lock from "../Lock.ts"
import { makeFolder, type Place, refuseTaken } from "../makeFolder.ts"
import * as Memory from "../Memory.ts"
import { type Loadable, type Outcome, resume, run } from "../run.ts"
import { runState } from "../runState.ts"
import type { Turn } from "../Turn.ts"
import * as RunFolder from "../RunFolder.ts"
import { sameModel } from "../same.ts"
import * as ArmsFolder from "./ArmsFolder.ts"
import type { Comparison } from "./Comparison.ts"
import { look } from "./look.ts"
import { sameArms } from "./sameArms.ts"
import { sharedAs } from "./shared.ts"

export interface ArmsOptions<E = never> {
  readonly model: Loadable<E>
  readonly locate: Locate
  /** What happens in an arm, by its name. */
  readonly onEvent: (arm: string, event: Event) => void
  /** How the caller finds an arm again, or without a name the whole plan; kept in their records as it is. */
  readonly source: (arm?: string) => unknown
  readonly versions: { readonly [name: string]: string }
  /** Checkpoints that each arm keeps, the last ones. Default: all. */
  readonly keep?: number | undefined
  /** Folder of the store that all arms use: what is equal in several of them is computed once. Default: none. */
  readonly store?: string | undefined
}
export interface NewArmsOptions<E = never> extends ArmsOptions<E> {
  readonly place: Place
}

/** How one arm ended. One that had been done before is not run again. */
export interface ArmEnd {
  readonly name: string
  readonly at: At
  readonly folder: string
  readonly end: Exit.Exit<Outcome, unknown> | "done before"
}

/** How all of them ended. `folder` is the one that holds theirs. */
export interface ArmsOutcome {
  readonly folder: string
  readonly seconds: number
  readonly arms: ReadonlyArray<ArmEnd>
  readonly comparison: Comparison
}

/** Everything that can be known of the arms before a weight is read; the first that is wrong fails them all. */
const checkAll = (plan: Plan, { locate, model }: ArmsOptions<unknown>) =>
  Effect.forEach(plan.entries, ({ at, experiment, name }) =>
    Effect.gen(function* () {
      const { changes, identity, memory } = yield* check(experiment, model, locate)
      yield* Memory.fit(memory, changes)
      return { name, at, identity }
    }),
  )

/**
 * Runs all arms in a new folder. An arm's adapter, metrics and reports are those of the arm alone, to the byte: arms share the model and
 * nothing else. Their steps take turns, first come first served, so that together they need one arm's memory. One that fails, or stops
 * early, leaves the others to go on.
 */
export const runArms = <E>(plan: Plan, options: NewArmsOptions<E>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const arms = yield* checkAll(plan, options)
      const folder = yield* Effect.acquireRelease(makeFolder(options.place), removeEmpty)
      yield* Lock.hold(folder)
      yield* ArmsFolder.writeRecord(folder, {
        format: RunFolder.format,
        kind: plan.kind,
        name: plan.name,
        arms: arms.map(({ at, identity, name }) => ({ name, at, ...identity })),
        source: options.source(),
      })
      return yield* all(plan, folder, options)
    }),
  )

/** What is expected of the folder of an arm without a record. */
const orBeginAnew =
  "the arm's experiment.json, with which it goes on, or an empty folder or nothing, with which it begins anew"

/** Takes a folder away in which no arm has left anything. */
const removeEmpty = (folder: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const arms = yield* Effect.orElseSucceed(fs.readDirectory(`${folder}/arms`), () => [])
    if (arms.length === 0) yield* fs.remove(folder, { recursive: true })
  }).pipe(Effect.ignore)

/**
 * Goes on with every arm that is not done. The plan must be the one that was started, and so must the model and the engine; what
 * differs in any arm, done or not, is named before one of them runs.
 */
export const resumeArms = <E>(plan: Plan, folder: string, options: ArmsOptions<E>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const record = yield* ArmsFolder.readRecord(folder)
      const now = yield* checkAll(plan, options)
      yield* sameArms(record, now, folder)
      yield* Lock.hold(folder)
      return yield* all(plan, folder, options)
    }),
  )

const all = Effect.fnUntraced(function* <E>(plan: Plan, folder: string, options: ArmsOptions<E>) {
  const start = yield* Clock.currentTimeMillis
  const names = plan.entries.map(({ name }) => name)
  const folders = plan.entries.map((_, i) => ArmsFolder.armFolder(folder, names, i))
  const before = yield* Effect.forEach(folders, runState)
  const begun = folders.filter((_, i) => before[i]?.state !== "not begun")
  for (const path of folders) if (!begun.includes(path)) yield* refuseTaken(path, orBeginAnew)
  const open = before.some(({ state }) => !isDone(state))
  const { instead, model } = yield* loaded(options.model.layer)
  // Nothing is loaded for arms that are done; and what cannot be loaded, or is another than before, fails before an arm has begun.
  if (open) {
    const { info } = yield* model
    for (const path of begun) yield* sameModel(yield* RunFolder.readRecord(path), info, options.model.name, path)
  }
  /** The one model as an arm sees it, and once more where the arm has lost it: it may be another one's by then. */
  const seenBy = (owner: string): Layer.Layer<LanguageModel, E> => {
    let had: (typeof LanguageModel)["Service"] | undefined
    return Layer.effect(
      LanguageModel,
      Effect.map(
        Effect.suspend(() => (had === undefined ? model : instead(had))),
        (lm) => {
          had = lm
          return sharedAs(lm, owner)
        },
      ),
    )
  }
  const turns = yield* Semaphore.make(1)
  const turn: Turn = { take: Effect.asVoid(turns.take(1)), give: Effect.asVoid(turns.release(1)) }
  const ends = yield* Effect.forEach(
    plan.entries,
    ({ at, experiment, name }, i) => {
      const path = folders[i] ?? folder
      const state = before[i]?.state ?? "not begun"
      if (isDone(state)) return Effect.succeed<ArmEnd>({ name, at, folder: path, end: "done before" })
      const { keep, locate, store, versions } = options
      const shared = {
        model: { ...options.model, layer: seenBy(String(i)) },
        locate,
        store,
        turn,
        onEvent: (event: Event) => options.onEvent(name, event),
      }
      const arm =
        state === "not begun"
          ? run(experiment, { ...shared, place: { path }, keep, versions, source: options.source(name) })
          : resume(experiment, path, shared)
      return Effect.map(Effect.exit(bare(arm)), (end): ArmEnd => ({ name, at, folder: path, end }))
    },
    { concurrency: "unbounded" },
  )
  const comparison = yield* look(folder)
  yield* ArmsFolder.writeComparison(folder, comparison)
  const seconds = ((yield* Clock.currentTimeMillis) - start) / 1000
  return { folder, seconds, arms: ends, comparison } satisfies ArmsOutcome
})

/**
 * A plan does not know the types of its experiments. What their stages ask for beside the runtime's services is provided by nobody, and
 * such a stage dies with the service's name.
 */
const bare = (arm: Effect.Effect<Outcome, unknown, unknown>) =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  arm as Effect.Effect<Outcome, unknown, FileSystem.FileSystem>

const isDone = (state: string): boolean => state === "finished" || state === "stopped early"

/** What an arm that did not end well failed with. */
export const failureOf = ({ end }: ArmEnd): unknown =>
  end === "done before" || end._tag === "Success" ? undefined : Cause.squash(end.cause)
