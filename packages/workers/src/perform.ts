/** One arm in a worker's hands: found in its folder, compared with what was given, run or gone on with, up to its end or the worker's. */
import {
  ArmsFolder,
  BudgetUsed,
  type Event,
  type Loadable,
  type Locate,
  Lock,
  type Outcome,
  resume,
  run,
  RunFailed,
  RunFolder,
  runState,
} from "@hmx/runtime"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import { Errors, type Experiment, LanguageModel } from "hmx"
import type { Taken } from "./Board.ts"
import { digestOf, readGiven } from "./identify.ts"
import type { Job } from "./Job.ts"
import { fenced, type Lease } from "./Lease.ts"
import type { OneModel } from "./oneModel.ts"

/** An arm as its pipeline's file has it. */
export interface Opened<E = never> {
  readonly experiment: Experiment.Any
  /** Of all arms, in the order of the file. */
  readonly names: ReadonlyArray<string>
  readonly model: Loadable<E>
  readonly locate: Locate
  readonly store: string | undefined
  readonly source: unknown
  readonly versions: { readonly [name: string]: string }
}

export interface PerformOptions<E, R> {
  /** Completed when the worker should leave: it saves the step that it is at, and gives its arm back. */
  readonly leave: Deferred.Deferred<void>
  /** Engine and device, as those who give arms call them; "auto" takes whatever comes, "auto in f32" what computes so. */
  readonly engine: string
  /** Where the folder of a run lies on this machine. */
  readonly folder: (job: Job) => string
  /** Reads the pipeline of an arm of the run in `folder`. */
  readonly open: (folder: string, job: Job) => Effect.Effect<Opened<E>, unknown, R>
  readonly onEvent: (arm: string, event: Event) => void
  readonly say: (text: string) => void
}

/** What an arm came to in this worker's hands. */
export type Came =
  | { readonly to: "its end"; readonly because: string; readonly open: boolean }
  /** Another worker may be able to do it, or this one later: why not now. */
  | { readonly to: "nothing"; readonly because: string; readonly again: boolean }
  /** It is another worker's by now. */
  | { readonly to: "another" }
  /** The worker leaves. */
  | { readonly to: "be handed on" }

/** The folder shows less than is known to be done: a shared disk that tells this machine old news, which a while mends. */
class Behind extends Data.TaggedError("Behind")<{ readonly message: string }> {}

/** Errors of this machine, and not of the arm. */
const local = new Set(["BadInput", "Refused", "StorageFailed", "DeviceLost", "OutOfMemory", "NonFinite"])

export const cameTo = (exit: Exit.Exit<unknown, unknown>): Came => {
  if (exit._tag === "Success") return { to: "its end", because: "", open: false }
  if (Cause.hasInterruptsOnly(exit.cause)) return { to: "be handed on" }
  const error = Cause.squash(exit.cause)
  const because = error instanceof Error ? error.message : "it failed without an error"
  if (Lock.isHeld(error) || error instanceof Behind) return { to: "nothing", because, again: true }
  const tag = typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : ""
  if (!(error instanceof RunFailed) && !(error instanceof BudgetUsed) && local.has(tag))
    return { to: "nothing", because, again: false }
  return { to: "its end", because, open: true }
}

const isDone = (state: string): boolean => state === "finished" || state === "stopped early"

const takes = (one: string, other: string): boolean =>
  one === "auto" || (one.startsWith("auto in ") && other.endsWith(one.slice("auto".length)))

/** Whether a worker's engine and the one that a run asks for are the same, as far as each of them says. */
export const agree = (a: string, b: string): boolean => a === b || takes(a, b) || takes(b, a)

/** The run's folder, if it is that run's; and the arm, if it is what was given. */
const find = Effect.fnUntraced(function* <E, R>(job: Job, { engine, folder: at, open }: PerformOptions<E, R>) {
  if (!agree(engine, job.engine)) {
    yield* new Errors.BadInput({ where: "--engine", found: engine, expected: `${job.engine}, which the run asks for` })
  }
  const folder = at(job)
  const given = yield* readGiven(folder)
  if (given?.id !== job.id) {
    const found = given === undefined ? "no run that was given to workers" : "another run"
    const expected = `what ${job.folder} is where it began: a folder that all machines share (--runs says where)`
    yield* new Errors.BadInput({ where: folder, found, expected })
  }
  const opened = yield* open(folder, job)
  const { all } = yield* digestOf(opened.experiment, opened.model, opened.locate)
  if (all !== job.digest) {
    yield* new Errors.BadInput({
      where: `${folder}: ${job.arm}`,
      found: `another experiment here (${all})`,
      expected: `${job.digest}, as it was given: the same files on all machines, and workers that began after the last change`,
    })
  }
  return { opened, path: ArmsFolder.armFolder(folder, opened.names, job.place) }
})

/** Does what is left of the arm. `wrote` writes down a step that another did. */
export const perform = Effect.fnUntraced(function* <E, R>(
  { job, previous, step }: Taken,
  lease: Lease,
  models: OneModel,
  wrote: (step: number) => Effect.Effect<void>,
  options: PerformOptions<E, R>,
) {
  const { leave, onEvent, say } = options
  const { opened, path } = yield* find(job, options)
  const { experiment, locate, model, source, store, versions } = opened
  const { state } = yield* runState(path)
  const saved = state === "not begun" ? 0 : ((yield* RunFolder.lastCursor(path))?.step ?? 0)
  if (saved < step) {
    const mend = "the shared disk is behind, or the folder was emptied (without its workers.json the run is given anew)"
    yield* new Behind({ message: `${path} shows ${saved} steps, and ${step} are done: ${mend}` })
  }
  // What the one before saved and did not come to write down.
  for (let done = step + 1; done <= saved; done++) yield* wrote(done)
  if (isDone(state)) return
  const after = previous === undefined ? "" : `, as ${previous} left it`
  say(`${job.arm}: ${saved === 0 ? "begins" : `goes on after step ${saved}`}${after}`)
  const lm = fenced(yield* models.get(model), lease)
  const shared = {
    model: { ...model, layer: Layer.succeed(LanguageModel, lm) },
    locate,
    store,
    // Between two steps everything is saved: here the worker may leave, and an arm that is another's goes no further.
    turn: {
      take: Effect.flatMap(Deferred.isDone(leave), (now) => (now ? Effect.interrupt : lease.fence)),
      give: Effect.void,
    },
    onEvent: (event: Event) => {
      if (event._tag === "Saved" && event.step > saved) lease.did(event.step)
      onEvent(job.arm, event)
    },
  }
  const keep = job.keep ?? undefined
  const arm =
    state === "not begun"
      ? run(experiment, { ...shared, place: { path }, keep, versions, source })
      : resume(experiment, path, shared)
  // It is this worker's by the database's word: whoever held it on another machine does not any more.
  yield* Effect.provideService(bare(arm), Lock.Elsewhere, "is over")
})

/** The experiment comes from a file: what its stages ask for beside the runtime's services is provided by nobody, and such a stage dies. */
const bare = (arm: Effect.Effect<Outcome, unknown, unknown>) =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  arm as Effect.Effect<Outcome, unknown, FileSystem.FileSystem>
