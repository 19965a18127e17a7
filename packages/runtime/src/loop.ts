/** The loop of a run: steps, each saved when it is done, and evaluations where they are due. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import {
  Artefact,
  type Errors,
  Evaluate,
  type Experiment,
  LanguageModel,
  type MemoryUse,
  Records,
  type Stage,
  Step,
} from "hmx"
import type { Behind } from "./Behind.ts"
import type { Cursor } from "./Cursor.ts"
import { draw } from "./Draw.ts"
import { after, conditionMet, type Past, unmeasured, withinBudget } from "./ending.ts"
import type { Event } from "./Event.ts"
import { gaveUp } from "./Failures.ts"
import * as ItemRecords from "./ItemRecords.ts"
import { isEvaluate, measured, measures } from "./measuring.ts"
import * as Policies from "./Policies.ts"
import type { Questions } from "./Questions.ts"
import type { Room } from "./Reservations.ts"
import { restore } from "./restore.ts"
import * as RunFolder from "./RunFolder.ts"
import { runStep } from "./runStep.ts"
import { type Pieces, placeOf } from "./store/Pieces.ts"
import { type Hold, inTurn, type Turn } from "./Turn.ts"

/** Name of the adapter in training. */
export const adapter = "policy"

export interface Run {
  readonly experiment: Experiment.Any
  readonly questions: Questions
  readonly folder: string
  readonly keep: number | null
  readonly emit: (event: Event) => Effect.Effect<void>
  /** Appends to metrics.jsonl. */
  readonly record: (
    lines: ReadonlyArray<{ readonly [name: string]: number }>,
  ) => Effect.Effect<void, Errors.StorageFailed>
  /** Writes the events so far to events.jsonl. */
  readonly flush: Effect.Effect<void, Errors.StorageFailed>
  /** Works out what the events so far say of memory. */
  readonly settle: () => void
  readonly pieces: Pieces
  readonly room: Room
  /** Puts a step's checkpoint under its name while the model works on the next step. */
  readonly behind: Behind
  /** For a run that shares its model with others: each step is a turn. */
  readonly turn: Turn | undefined
}

/** Where a run ended. */
export interface Ended {
  readonly cursor: Cursor
  /** The condition that ended it before its last step, in words. */
  readonly stopped: string | undefined
}

/**
 * From the step after the cursor to the last one, or to one at which a condition is met; fails where the budget is used up before.
 * What it has put to be written `behind` is the caller's to wait for. `done` is what the steps up to the cursor measured and took.
 */
export const loop = Effect.fnUntraced(function* (run: Run, from: Cursor, done: Past) {
  const { behind, emit, experiment, folder, questions } = run
  const { prompts, seed, steps } = experiment.settings
  const lm = yield* LanguageModel
  const measuring = experiment.stages.filter(measures)
  const pipeline = {
    emit,
    pieces: run.pieces,
    room: run.room,
    places: questions.places,
    group: experiment.stages.filter((s) => s.grain === "group"),
    step: experiment.stages.filter((s) => s.grain === "step" && !measures(s)),
  }
  const measure = ({ cursor, stopped }: Ended) =>
    evaluate(run, measuring, cursor, stopped === undefined ? steps : cursor.step)
  const next = Effect.fnUntraced(function* ({ cursor: before, past }: At, hold: Hold<unknown, unknown> | undefined) {
    const step = before.step + 1
    const start = yield* Clock.currentTimeMillis
    yield* emit({ _tag: "StepStarted", step })
    yield* lm.memory({ resetPeak: true })
    const drawn = draw(questions.train, prompts.perStep, seed, step)
    const back = Effect.andThen(behind.settled, restore(adapter, before, folder))
    const work = Effect.provideService(
      runStep({ ...pipeline, hold }, before, drawn, back),
      Step,
      place(run, before, step),
    )
    const made = yield* behind.beside(work)
    const { cursor } = made
    const line = { step, ...made.metrics }
    const keep = run.pieces.saved(cursor)
    const memory = memoryOf(yield* lm.memory())
    const seconds = ((yield* Clock.currentTimeMillis) - start) / 1000
    // Nothing is called finished that a dead process would lose.
    const kept = (path: string) =>
      Effect.gen(function* () {
        yield* keep(path)
        yield* emit({ _tag: "Saved", step, path })
        yield* emit({ _tag: "StepFinished", step, seconds, metrics: made.metrics, memory })
        yield* run.flush
        run.settle()
      })
    // What is in the folder has to get its name.
    const first = Effect.andThen(run.pieces.settled, run.record([line]))
    yield* save(folder, cursor, run.keep, first).pipe(
      Effect.flatMap((named) => behind.put(Effect.flatMap(named, kept))),
      Effect.uninterruptible,
    )
    for (const name of before.step === from.step ? unmeasured(experiment, line) : []) {
      const text = `stopWhen asks ${name.slice(0, 80)}, which this step did not measure`
      yield* emit({ _tag: "Noted", step, text })
    }
    const now = after(experiment, past, line, seconds)
    const at: At = { cursor, past: now, stopped: conditionMet(experiment, now) }
    yield* measure(at)
    return at
  })
  let at: At = { cursor: from, past: done, stopped: conditionMet(experiment, done) }
  const measuredFirst = measure(at)
  yield* inTurn(run, adapter, at.cursor, behind.settled, () => measuredFirst)
  while (at.cursor.step < steps && at.stopped === undefined) {
    yield* withinBudget(experiment, at.cursor, at.past)
    const now = at
    at = yield* inTurn(run, adapter, now.cursor, behind.settled, (hold) => next(now, hold))
  }
  const { cursor, stopped } = at
  return { cursor, stopped: cursor.step < steps ? stopped : undefined } satisfies Ended
})

/** As events have it. */
const memoryOf = ({ live, peak, work }: MemoryUse) => ({ live, peak, ...(work === undefined ? {} : { work }) })

/** Between two steps. */
interface At extends Ended {
  readonly past: Past
}

/**
 * Writes the cursor with its adapter and optimiser; what is returned puts them on the disk under their name, so that the state before
 * every step is there.
 */
export const save = Effect.fnUntraced(function* (
  folder: string,
  cursor: Cursor,
  keep: number | null,
  first?: Effect.Effect<void, Errors.StorageFailed>,
) {
  const lm = yield* LanguageModel
  const state = (to: string) =>
    cursor.policy.adapter === "" ? Effect.void : lm.saveState(adapter, to, { optimizer: true, flush: false })
  return yield* RunFolder.save(folder, cursor, keep, state, first)
})

const place = ({ experiment }: Run, { policy }: Cursor, step: number): (typeof Step)["Service"] => {
  const { seed, steps } = experiment.settings
  return { seed, step, steps, policy, by: policy.adapter === "" ? "base" : { adapter }, adapter }
}

/** Measures the policy after the cursor's step where that is due and not yet done; `last` is the step that the run ends with. */
const evaluate = Effect.fnUntraced(function* (
  run: Run,
  stages: ReadonlyArray<Stage.Any>,
  cursor: Cursor,
  last: number,
) {
  const { emit, folder } = run
  const { step } = cursor
  const due = stages.filter((s) => isEvaluate(s) && Evaluate.due(s.options, step, last))
  if (due.length === 0) return
  const done = yield* RunFolder.readEvaluations(folder)
  if (done.some((d) => d.step === step)) return
  yield* run.behind.settled
  const policy = new Artefact.Policy({ ref: cursor.policy, updated: step > 0, metrics: {} })
  const reports: Array<Artefact.Report> = []
  for (const [k, stage] of due.entries()) {
    const start = yield* Clock.currentTimeMillis
    yield* emit({ _tag: "StageStarted", step, stage: stage.name, total: 1 })
    const beside = RunFolder.itemRecords(folder, step, k)
    const kept = yield* ItemRecords.inFolder(beside)
    const records = ItemRecords.counted(kept, (task, done, total) =>
      emit({ _tag: "ItemsDone", step, task, done, total }),
    )
    const lm = yield* LanguageModel
    yield* lm.memory({ resetPeak: true })
    const piece = { stage, place: placeOf(cursor, step), prompt: null, input: { policy }, beside }
    const made = yield* run.pieces.through(piece, run.room(stage, Policies.run(stage, { policy }))).pipe(
      Effect.provideService(Records, records),
      Effect.provideService(Step, place(run, cursor, step)),
      Effect.mapError((e) => (e instanceof Policies.Answered ? gaveUp(e, step) : e)),
    )
    if (!(made instanceof Artefact.Report)) continue
    const { left, report } = measured(made)
    if (left !== undefined) yield* emit({ _tag: "Noted", step, text: left })
    reports.push(report)
    const seconds = ((yield* Clock.currentTimeMillis) - start) / 1000
    yield* emit({ _tag: "Evaluated", step, seconds, report, memory: memoryOf(yield* lm.memory()) })
  }
  yield* run.behind.put(Effect.andThen(RunFolder.writeEvaluation(folder, step, reports), run.flush))
})
