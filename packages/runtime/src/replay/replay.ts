/**
 * What another reward would have said: the stored rollouts of a run go through its stages again from a given one. Nothing is sampled
 * and nothing is trained, and the run itself stays as it is.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Artefact, Data, Errors, type Experiment, LanguageModel, type Stage, Step } from "hmx"
import { check } from "../check.ts"
import { dataService } from "../dataService.ts"
import { identify } from "../identify.ts"
import { draw } from "../Draw.ts"
import { type BudgetUsed, gaveUp, Meant, RunFailed } from "../Failures.ts"
import { adapter } from "../loop.ts"
import * as Policies from "../Policies.ts"
import * as RunFolder from "../RunFolder.ts"
import type { Failure, Loadable, Options } from "../run.ts"
import { sameModel } from "../same.ts"
import { writeFile } from "../Storage.ts"
import { differences, told } from "../store/Key.ts"
import * as Pieces from "../store/Pieces.ts"
import * as Store from "../store/Store.ts"
import * as Used from "../store/Used.ts"
import { newFile } from "./newFile.ts"
import { loadPolicy } from "./loadPolicy.ts"
import { type Changes, parted } from "./parted.ts"
import { compare, Replayed, type StepComparison } from "./Replayed.ts"

export interface ReplayOptions<E = never> extends Changes {
  readonly model: Loadable<E>
  readonly locate: Options["locate"]
  /** The store that the run used. */
  readonly store: string
  /** Told when a step is done, of so many. */
  readonly onStep?: ((step: StepComparison, of: number) => void) | undefined
}

type Row = { readonly [tag: string]: Artefact.Any }

const verdictsOf = (row: Row | undefined): Artefact.Verdicts | undefined => {
  const found = row?.["verdicts"]
  return found instanceof Artefact.Verdicts ? found : undefined
}

/** A finished replay, and the file in which it stands. */
export interface ReplayOutcome {
  readonly file: string
  readonly result: Replayed
}

/** Replays a run from one of its group stages on. */
export const replay = <X extends Experiment.Any, E>(
  experiment: X,
  run: string,
  options: ReplayOptions<E>,
): Replaying<X, E> => typed(replaying(experiment, run, options))

type Replaying<X extends Experiment.Any, E> = Effect.Effect<
  ReplayOutcome,
  Exclude<Failure, BudgetUsed> | E | Experiment.Stops<X>,
  FileSystem.FileSystem | Exclude<Experiment.Services<X>, LanguageModel | Data | Step>
>

/** As of a run: its stages are walked as values of unknown errors and services, and `X` says what those are. */
const typed = <X extends Experiment.Any, E>(effect: Effect.Effect<ReplayOutcome, unknown, unknown>): Replaying<X, E> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  effect as Effect.Effect<ReplayOutcome>

const replaying = <E>(experiment: Experiment.Any, run: string, options: ReplayOptions<E>) =>
  Effect.gen(function* () {
    const { locate, onStep } = options
    const record = yield* RunFolder.readRecord(run)
    const { identity, questions } = yield* check(experiment, options.model, locate)
    const [otherPrompts] = differences(prompts(record.experiment), prompts(identity.experiment))
    if (otherPrompts !== undefined) {
      const where = `${run}/experiment.json`
      const expected = "the prompts with which the run began: its rollouts answer them"
      return yield* new Errors.BadInput({ where, found: "other prompts, seed or prompts a step", expected })
    }
    const { again, before } = yield* parted(experiment, options)
    const store = yield* Store.find(options.store)
    if (store === undefined) {
      const expected = "the store that the run used (--store)"
      return yield* new Errors.BadInput({ where: options.store, found: "no store", expected })
    }
    const uses = yield* Used.read(run)
    const keys = new Map(uses.map((use) => [`${use.step} ${use.stage} ${use.prompt}`, use.key]))

    /** What the run has stored of a group; undefined where a stage before the first that runs again has nothing. */
    const groupOf = Effect.fnUntraced(function* (pieces: Pieces.Pieces, prompt: Artefact.Prompt, step: number) {
      const was: Record<string, Artefact.Any> = { prompt }
      for (const stage of experiment.stages.filter((s) => s.grain === "group")) {
        const key = keys.get(`${step} ${stage.name} ${prompt.index}`)
        const made = key === undefined ? undefined : yield* pieces.stored(stage, key)
        if (made !== undefined) was[made._tag] = made
        else if (before.includes(stage)) return undefined
      }
      return { prompt, was }
    })

    const lm = Context.get(yield* Layer.build(options.model.layer), LanguageModel)
    yield* sameModel(record, lm.info, options.model.name, run)
    const { file, journal } = yield* newFile(run)
    const data = yield* dataService(questions, locate)
    const { prompts: drawn, seed, steps: all } = experiment.settings
    const done = (yield* RunFolder.lastCursor(run))?.step ?? 0
    const steps: Array<StepComparison> = []
    const groups: Array<Replayed["groups"][number]> = []

    const replayStep = Effect.fnUntraced(function* (pieces: Pieces.Pieces, step: number) {
      const asked = draw(questions.train, drawn.perStep, seed, step)
      const there = (yield* Effect.forEach(asked, (prompt) => groupOf(pieces, prompt, step))).filter(
        (g) => g !== undefined,
      )
      if (there.length === 0) return
      const rollouts = there.map(({ was }) => was["rollouts"]).find((r) => r instanceof Artefact.Rollouts)
      const policy = rollouts?.policy ?? { base: record.model.digest, adapter: "", step: 0 }
      // No group stage of a run has an optimiser of its own.
      const place = { step, policy, optimiser: "" }
      const kept = new Set(["prompt", ...before.flatMap((stage) => stage.gives)])
      if (policy.adapter !== "" && again.some(asksPolicy))
        yield* loadPolicy(adapter, policy, experiment, { run, store, uses })
      const through = Effect.fnUntraced(function* ({ prompt, was }: (typeof there)[number]) {
        let row: Row = Object.fromEntries(Object.entries(was).filter(([tag]) => kept.has(tag)))
        for (const stage of again) {
          const input = Object.fromEntries(stage.needs.map((tag) => [tag, row[tag]]))
          const piece = { stage, place, prompt: prompt.index, input }
          const made = yield* pieces.through(piece, Policies.run(stage, input))
          row = { ...row, [made._tag]: made }
        }
        return row
      })
      const by = policy.adapter === "" ? ("base" as const) : { adapter }
      const rows = yield* inBatches(there, through).pipe(
        Effect.provideService(Step, Step.of({ seed, step, steps: all, policy, by, adapter })),
        Effect.mapError((e) => (e instanceof Policies.Answered ? gaveUp(e, step) : e)),
      )
      const pairs = there.map(({ prompt, was }, i) => ({ prompt, was, now: rows[i] }))
      const comparison = compare(
        step,
        pairs.map(({ now, was }) => ({ was: verdictsOf(was), now: verdictsOf(now) })),
      )
      steps.push(comparison)
      for (const { now, prompt } of pairs) {
        const advantages = now?.["advantages"]
        groups.push({
          step,
          prompt: prompt.id,
          verdicts: verdictsOf(now) ?? null,
          advantages: advantages instanceof Artefact.Advantages ? advantages : null,
        })
      }
      onStep?.(comparison, done)
    })

    yield* Effect.gen(function* () {
      const pieces = yield* Pieces.open({ ...options, run, journal, questions, seed, steps: all, note: unsaid })
      for (let step = 1; step <= done; step++) yield* replayStep(pieces, step)
      yield* pieces.settled
    }).pipe(Effect.provideService(LanguageModel, lm), Effect.provideService(Data, data), Effect.mapError(failed))
    if (steps.length === 0) {
      const expected = "those of a run that used this store (--store)"
      return yield* new Errors.BadInput({ where: Used.path(run), found: "no stored rollouts", expected })
    }
    const replaced = experiment.stages.map((stage) => again.find(({ name }) => name === stage.name) ?? stage)
    const now = yield* identify({ ...experiment, stages: replaced }, questions, locate)
    const changed = told(differences(record.experiment, now.experiment)).map(
      ({ field, now: to = null, was = null }) => ({
        field,
        was,
        now: to,
      }),
    )
    const result: Replayed = { format: 1, from: options.from, changed, steps, groups }
    yield* writeFile(file, `${JSON.stringify(Schema.encodeSync(Replayed)(result), null, 2)}\n`)
    return { file, result } satisfies ReplayOutcome
  }).pipe(Effect.scoped)

/** What of an experiment's identity says which prompts a step asks. */
const prompts = (experiment: unknown): unknown => {
  if (typeof experiment !== "object" || experiment === null || !("prompts" in experiment)) return undefined
  const settings: { readonly [name: string]: unknown } =
    "settings" in experiment && typeof experiment.settings === "object" ? { ...experiment.settings } : {}
  return { of: experiment.prompts, drawn: settings["prompts"], seed: settings["seed"] }
}

/** A stored piece that was damaged is made again, and that is all that there is to it. */
const unsaid = () => Effect.void

const asksPolicy = ({ reads }: Stage.Any): boolean => reads === undefined || reads.includes("policy")

/** All at once, or in halves where the model has no memory for them. */
const inBatches = <A, B, E, R>(
  all: ReadonlyArray<A>,
  work: (one: A) => Effect.Effect<B, E, R>,
  concurrency = all.length,
): Effect.Effect<ReadonlyArray<B>, E, R> =>
  Effect.catchIf(
    Effect.forEach(all, work, { concurrency }),
    (error) => concurrency > 1 && error instanceof Policies.Answered && error.action === "halve the batch",
    () => inBatches(all, work, Math.floor(concurrency / 2)),
  )

/** A device that is lost, or a disk that fails, in the middle of the work is a failure, and not the user's input. */
const failed = (error: unknown): unknown =>
  error instanceof Meant
    ? error.error
    : error instanceof Errors.DeviceLost || error instanceof Errors.StorageFailed
      ? new RunFailed({ step: 0, stage: "", error: error._tag, reason: error.message, advice: "" })
      : error
