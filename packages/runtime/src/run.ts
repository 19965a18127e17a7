/** Runs an experiment, from its first step or after its last checkpoint. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { Data, Errors, type Experiment, LanguageModel, type ModelShape, Step } from "hmx"
import { failedInRun, isLost, lostAs, lostTwice, stopOf } from "./broken.ts"
import { check } from "./check.ts"
import type { Cursor } from "./Cursor.ts"
import { dataService, type Locate } from "./dataService.ts"
import { past } from "./ending.ts"
import type { Event } from "./Event.ts"
import type { BudgetUsed, Miswired, OverBudget, RunFailed } from "./Failures.ts"
import { loaded } from "./Loaded.ts"
import * as Lock from "./Lock.ts"
import { adapter, loop, save } from "./loop.ts"
import { newFolder, type Place } from "./makeFolder.ts"
import * as Memory from "./Memory.ts"
import * as Behind from "./Behind.ts"
import * as Beside from "./plan/Beside.ts"
import type { Speed } from "./plan/probed.ts"
import type { Tokenizer } from "./plan/Rehearsal.ts"
import { prepare } from "./prepare.ts"
import { restore } from "./restore.ts"
import * as RunFolder from "./RunFolder.ts"
import { same, sameModel } from "./same.ts"
import { appendTo } from "./Storage.ts"
import * as Pieces from "./store/Pieces.ts"
import { leave, type Turn } from "./Turn.ts"

/** The model that an experiment trains: its shape is known before its weights are read, which the layer does. */
export interface Loadable<E = never> {
  readonly name: string
  readonly shape: ModelShape
  readonly layer: Layer.Layer<LanguageModel, E>
  /** Counts tokens without the weights: a plan is as exact as that. Default: every byte is taken for a token. */
  readonly tokenizer?: Effect.Effect<Tokenizer, unknown>
  /** How fast its engine computes here, for plans; undefined where nothing is known. */
  readonly speed?: Effect.Effect<Speed | undefined>
}

export interface Options<E = never> {
  readonly model: Loadable<E>
  /** Where a file lies that the pipeline names. */
  readonly locate: Locate
  readonly onEvent: (event: Event) => void
  /** Folder of the store in which finished pieces are looked up and kept. Default: none. */
  readonly store?: string | undefined
  /** For runs that share one model: what computes is done in turns, and nothing is held between them. */
  readonly turn?: Turn | undefined
}

export interface NewOptions<E = never> extends Options<E> {
  readonly place: Place
  /** Checkpoints to keep, the last ones. Default: all. */
  readonly keep?: number | undefined
  /** How the caller finds the experiment again; kept in experiment.json as it is. */
  readonly source: unknown
  readonly versions: { readonly [name: string]: string }
}

/** A finished run. `folder` is its path. */
export interface Outcome extends RunFolder.Result {
  readonly folder: string
  /** Of this process, which has done the steps after `doneBefore`. */
  readonly seconds: number
  /** Steps that were done before it began. */
  readonly doneBefore: number
  /** Of the work of this process: how many pieces the store had, and how many were made. */
  readonly pieces: Pieces.Counts
}

/** What a run can fail with, beside the errors that its author lets stop it. */
export type Failure = Errors.BadInput | Errors.StorageFailed | Miswired | OverBudget | RunFailed | BudgetUsed

type Provided = LanguageModel | Data | Step
type Running<X extends Experiment.Any, E> = Effect.Effect<
  Outcome,
  Failure | E | Experiment.Stops<X>,
  FileSystem.FileSystem | Exclude<Experiment.Services<X>, Provided>
>

/**
 * Runs an experiment in a new folder. All that can be wrong before work starts is found before a weight is read, and a run that
 * ends before anything of it is saved leaves no folder behind.
 */
export const run = <X extends Experiment.Any, E>(experiment: X, options: NewOptions<E>): Running<X, E> =>
  typed(
    Effect.gen(function* () {
      const checked = yield* check(experiment, options.model, options.locate)
      yield* Memory.fit(checked.memory, checked.changes)
      const folder = yield* newFolder(options.place)
      // A folder that another process has taken in the meantime is that one's to keep.
      yield* Effect.tapErrorTag(Lock.hold(folder.path), "BadInput", () => Effect.sync(folder.begun))
      const { instead, model } = yield* loaded(options.model.layer)
      const lm = yield* model
      const { settings } = experiment
      yield* RunFolder.writeRecord(folder.path, {
        format: RunFolder.format,
        name: experiment.name,
        ...checked.identity,
        seed: settings.seed,
        steps: settings.steps,
        keep: options.keep ?? null,
        model: { name: options.model.name, digest: lm.info.digest },
        engine: lm.info.engine,
        versions: options.versions,
        source: options.source,
      })
      return yield* sessions(experiment, options, instead, {
        ...checked,
        ...folder,
        lm,
        keep: options.keep ?? null,
        from: undefined,
        changed: [],
      })
    }),
  )

export interface ResumeOptions<E = never> extends Options<E> {
  /** Goes on with an experiment that has changed; the record says what, and after which step. Default: it is refused. */
  readonly force?: boolean | undefined
}

/** What of an experiment is another than the run in `folder` began with, or last went on with; fails where no force would take it over. */
export const changedSince = Effect.fnUntraced(function* (
  experiment: Experiment.Any,
  folder: string,
  { locate, model }: Pick<Options<unknown>, "locate" | "model">,
) {
  const { identity } = yield* check(experiment, model, locate)
  return yield* same(yield* RunFolder.readRecord(folder), identity, experiment, folder, true)
})

/**
 * Goes on with the run in `folder` after its last checkpoint. The experiment must be the one that was started; what differs is
 * named.
 */
export const resume = <X extends Experiment.Any, E>(
  experiment: X,
  folder: string,
  options: ResumeOptions<E>,
): Running<X, E> =>
  typed(
    Effect.gen(function* () {
      const record = yield* RunFolder.readRecord(folder)
      const checked = yield* check(experiment, options.model, options.locate)
      const changed = yield* same(record, checked.identity, experiment, folder, options.force === true)
      yield* Memory.fit(checked.memory, checked.changes)
      yield* Lock.hold(folder)
      const from = yield* RunFolder.lastCursor(folder)
      const { instead, model } = yield* loaded(options.model.layer)
      const lm = yield* model
      yield* sameModel(record, lm.info, options.model.name, folder)
      if (changed.length > 0) {
        const { seed, steps } = experiment.settings
        const before = { after: from?.step ?? 0, digest: record.digest, changed }
        const lineage = [...(record.lineage ?? []), before]
        yield* RunFolder.writeRecord(folder, { ...record, ...checked.identity, seed, steps, lineage })
      }
      yield* RunFolder.rewind(folder, from?.step ?? 0)
      return yield* sessions(experiment, options, instead, {
        ...checked,
        path: folder,
        lm,
        keep: record.keep,
        from,
        changed,
        begun: () => {},
      })
    }),
  )

/**
 * The one place where the experiment's own types are put on a run: its stages are walked as values of unknown errors and services,
 * and `X` says what those are.
 */
const typed = <X extends Experiment.Any, E>(effect: Effect.Effect<Outcome, unknown, unknown>): Running<X, E> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  Effect.scoped(effect as Effect.Effect<Outcome>)

interface Session {
  readonly questions: Effect.Success<ReturnType<typeof check>>["questions"]
  readonly identity: Effect.Success<ReturnType<typeof check>>["identity"]
  readonly memory: Memory.Plan
  readonly path: string
  readonly lm: (typeof LanguageModel)["Service"]
  readonly keep: number | null
  readonly from: Cursor | undefined
  /** What of the experiment is another than at its start. */
  readonly changed: ReadonlyArray<string>
  readonly begun: () => void
  /** Why the run's first session ended, where this is the second one: its device was lost. */
  readonly again?: string
  /** Of the process so far. */
  readonly tally: Tally
}

interface Tally {
  readonly start: number
  /** Steps that were done before it began. */
  readonly doneBefore: number
  /** Of each session. */
  readonly pieces: Array<() => Pieces.Counts>
}

const forTheEye: ReadonlySet<Event["_tag"]> = new Set(["StageStarted", "StageDone", "ItemsDone"])

type Instead = (lost: Session["lm"]) => Effect.Effect<Session["lm"], unknown>

/** A session; and where the model's device is lost another one, once, which goes on from what is saved as a resumed run does. */
const sessions = Effect.fnUntraced(function* (
  experiment: Experiment.Any,
  options: Options<unknown>,
  instead: Instead,
  given: Omit<Session, "tally">,
) {
  const start = yield* Clock.currentTimeMillis
  const first: Session = { ...given, tally: { start, doneBefore: given.from?.step ?? 0, pieces: [] } }
  return yield* Effect.catchIf(
    Effect.scoped(session(experiment, options, first)),
    isLost,
    Effect.fnUntraced(function* (lost) {
      const { path } = first
      const lm = yield* Effect.mapError(instead(first.lm), (error) => {
        const why = error instanceof Error ? error.message : String(error)
        return lostAs(lost, `${lost.reason}; it could not be loaded again: ${why}`, "")
      })
      const from = yield* RunFolder.lastCursor(path)
      yield* RunFolder.rewind(path, from?.step ?? 0)
      const second: Session = { ...first, lm, from, changed: [], again: lost.reason }
      return yield* Effect.mapError(session(experiment, options, second), (error) =>
        isLost(error) ? lostAs(error, error.reason, lostTwice) : error,
      )
    }),
  )
})

/** The run itself, in a folder that is held and with a model that is loaded. */
const session = Effect.fnUntraced(function* (experiment: Experiment.Any, options: Options<unknown>, session: Session) {
  const { from, identity, keep, lm, path, questions, tally } = session
  const { settings } = experiment
  const appendEvents = yield* appendTo(`${path}/events.jsonl`)
  const appendMetrics = yield* appendTo(`${path}/metrics.jsonl`, { flushed: true })
  let waiting: Array<Event> = []
  let last = from?.step ?? 0
  const memory = Beside.beside(session.memory, settings.prompts.perStep, lm.info.shape, adapter)
  const flushing = yield* Semaphore.make(1)
  const flush = flushing.withPermit(
    Effect.suspend(() => {
      const events = waiting
      waiting = []
      return events.length === 0 ? Effect.void : appendEvents(events)
    }),
  )
  const behind = Behind.make<unknown>()
  // It is for the eye: a run that cannot write it is no worse.
  const planned = Effect.suspend(() => Effect.ignore(Beside.write(path, memory.record())))
  const emit = (event: Event) =>
    Effect.sync(() => {
      if (event._tag === "ItemsDone" || event._tag === "Evaluated" || event._tag === "Saved") session.begun()
      if (event._tag === "Saved") last = event.step
      memory.see(event)
      // Where groups and items are within a step is for the eye only.
      if (!forTheEye.has(event._tag)) waiting.push(event)
      options.onEvent(event)
    })
  if (session.again === undefined)
    yield* emit({
      _tag: "Started",
      name: experiment.name,
      model: options.model.name,
      engine: `${lm.info.engine.name} ${lm.info.engine.device}`,
      steps: settings.steps,
      after: from?.step ?? 0,
      folder: path,
    })
  else {
    const text = `${session.again}; it is loaded again, and the run goes on after step ${last}`
    yield* emit({ _tag: "Noted", step: last, text })
  }
  if (session.changed.length > 0)
    yield* emit({ _tag: "Noted", step: last, text: `goes on with a change of ${session.changed.join(", ")}` })
  const data = yield* dataService(questions, options.locate)
  const { store } = options
  const pieces =
    store === undefined
      ? Pieces.none
      : yield* Pieces.open({
          store,
          run: path,
          questions,
          locate: options.locate,
          seed: settings.seed,
          steps: settings.steps,
          adapters: keep === null,
          note: (step, text) => emit({ _tag: "Noted", step, text }),
        }).pipe(Effect.provideService(LanguageModel, lm))
  tally.pieces.push(pieces.counts)
  const prepared = Effect.gen(function* () {
    const first = yield* Effect.mapError(prepare(experiment, lm.info.digest, pieces), failedInRun)
    // No work is lost yet: a disk that is full from the start is told as it is.
    const saved = Effect.flatten(save(path, first, keep))
    yield* Effect.mapError(saved, (e) => (e instanceof Errors.StorageFailed ? e : failedInRun(e)))
    return first
  })
  const { turn } = options
  const started =
    turn === undefined
      ? prepared
      : Effect.acquireUseRelease(
          Effect.interruptible(turn.take),
          () => prepared,
          () => Effect.andThen(leave(adapter), turn.give),
        )
  const first = from ?? (yield* Effect.provideService(started, LanguageModel, lm))
  const done = from === undefined ? { metrics: [], seconds: 0 } : yield* past(path, from.step)
  const { cursor, stopped } = yield* Effect.gen(function* () {
    // A turn begins from the checkpoint.
    if (from !== undefined && turn === undefined) yield* restore(adapter, from, path)
    const ended = yield* loop(
      {
        experiment,
        questions,
        folder: path,
        keep,
        emit,
        record: appendMetrics,
        flush,
        settle: memory.settle,
        pieces,
        room: memory.room,
        behind,
        turn,
      },
      first,
      done,
    )
    yield* Effect.all([behind.settled, pieces.settled, planned], { concurrency: "unbounded" })
    return ended
  }).pipe(
    Effect.provideService(LanguageModel, lm),
    Effect.provideService(Data, data),
    Effect.mapError(failedInRun),
    // However it ends, a step that is done is saved.
    Effect.ensuring(Effect.ignore(behind.settled)),
    Effect.onExit((exit) =>
      Effect.forEach(stopOf(exit, last, session.again !== undefined), emit).pipe(
        Effect.andThen(Effect.ignore(flush)),
        Effect.andThen(exit._tag === "Success" ? Effect.void : planned),
      ),
    ),
  )
  if (stopped !== undefined) yield* emit({ _tag: "Stopped", step: cursor.step, by: "condition", because: stopped })
  const result = {
    name: experiment.name,
    digest: identity.digest,
    seed: settings.seed,
    steps: cursor.step,
    ...(stopped === undefined ? {} : { stopped }),
    model: { name: options.model.name, digest: lm.info.digest },
    adapter: { path: `checkpoints/step-${cursor.step}`, digest: cursor.policy.adapter },
    evaluations: yield* RunFolder.readEvaluations(path),
  }
  yield* RunFolder.writeResult(path, result)
  const seconds = ((yield* Clock.currentTimeMillis) - tally.start) / 1000
  yield* emit({ _tag: "Finished", seconds })
  yield* flush
  const counts = tally.pieces.map((of) => of())
  const sum = (of: (counts: Pieces.Counts) => number) => counts.reduce((all, one) => all + of(one), 0)
  const found = { found: sum((c) => c.found), made: sum((c) => c.made) }
  return { ...result, folder: path, seconds, doneBefore: tally.doneBefore, pieces: found } satisfies Outcome
})
