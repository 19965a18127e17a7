/**
 * The work of one step, without its mishaps: groups flow through the group stages, all in work at once up to `inFlight`; the step
 * stages wait for them.
 */
import * as Effect from "effect/Effect"
import { Artefact, Errors, LanguageModel, Stage, Step } from "hmx"
import type { Event } from "./Event.ts"
import { quote } from "./Jsonl.ts"
import { Answered, reasonOf, run, said, tagged } from "./Policies.ts"
import type { Place } from "./store/Key.ts"
import type { Room } from "./Reservations.ts"
import { asksModel, type Hold, waitsElsewhere } from "./Turn.ts"
import type { LoadState, Piece, Pieces, Round } from "./store/Pieces.ts"

/** An experiment's stages as a step walks them. */
export interface Pipeline {
  readonly group: ReadonlyArray<Stage.Any>
  /** Without those that measure: they run after the step is saved. */
  readonly step: ReadonlyArray<Stage.Any>
  readonly emit: (event: Event) => Effect.Effect<void>
  readonly pieces: Pieces
  readonly room: Room
  /** Where each prompt stands, by its index. */
  readonly places: ReadonlyArray<string>
  /** Of a run that shares its model with others. */
  readonly hold: Hold<unknown, unknown> | undefined
}

/** Artefacts by tag: of a group, or of the step. */
export type Row = { readonly [tag: string]: Artefact.Any }

/** How much is in work at once, and what is done already: where it is made smaller, finished groups are not done again. */
export interface Load {
  readonly inFlight: number
  /** Groups of a micro-batch; null: as the stage says. */
  readonly microBatchGroups: number | null
  /** Rows of finished groups by their place among the prompts; undefined where the group was dropped. */
  readonly finished: Map<number, Row | undefined>
  /** What keys read of where the run stands. */
  readonly at: Place
  /** Comes before every attempt at an update: what an earlier one has moved is put back. */
  readonly beforeUpdate: Effect.Effect<void, unknown, unknown>
}

export const flow = Effect.fnUntraced(function* (
  { emit, group: groupStages, hold, pieces, places, room, step: stepStages }: Pipeline,
  prompts: ReadonlyArray<Artefact.Prompt>,
  { at, beforeUpdate, finished, inFlight, microBatchGroups }: Load,
) {
  const { step } = yield* Step
  /** The stage's artefact by its tag, from the store where it is there. */
  const under = (stage: Stage.Any, given: Given, prompt: number | null) => {
    const input = needed(stage, given)
    const piece: Piece = { stage, place: at, prompt, input }
    const updating = updates(stage)
    const work = run(split(stage, microBatchGroups), input, updating ? beforeUpdate : undefined)
    const make = room(stage, orUnscored(stage, input, work))
    return pieces.through(piece, make, updating ? loadState(beforeUpdate) : undefined, roundOf(stage)).pipe(
      Effect.mapError(failed),
      Effect.flatMap((made) => leftAlone(stage, made)),
      Effect.map((made): Row => ({ [made._tag]: made })),
    )
  }

  const roundOf = (stage: Stage.Any): Round<unknown, unknown> | undefined =>
    hold === undefined || stage.grain === "step"
      ? undefined
      : asksModel(stage)
        ? hold.use
        : waitsElsewhere(stage)
          ? hold.away
          : undefined

  let begun = 0
  const through = Effect.fnUntraced(function* (prompt: Artefact.Prompt, place: number) {
    begun++
    if (finished.has(place)) return
    let row: Row = { prompt }
    for (const stage of groupStages) {
      row = { ...row, ...(yield* under(stage, row, prompt.index)) }
      yield* emit({ _tag: "StageDone", step, stage: stage.name })
    }
    // Another group begins when this one is in the store, so that no more than those in work are asked for again, whatever comes.
    if (begun < prompts.length) yield* Effect.mapError(pieces.settled, failed)
    finished.set(place, row)
  })
  const orDropped = (prompt: Artefact.Prompt, place: number) =>
    Effect.catchIf(
      Effect.mapError(through(prompt, place), (answered) => placed(answered, prompt, places)),
      ({ action }: Answered) => action === "drop the group" || action === "leave unscored",
      (answered) => {
        finished.set(place, undefined)
        return emit({ _tag: "Noted", step, text: `${said(answered)}; the group of ${prompt.id} is dropped` })
      },
    )
  for (const { name } of groupStages) yield* emit({ _tag: "StageStarted", step, stage: name, total: prompts.length })
  const grouped = yield* Effect.exit(Effect.forEach(prompts, orDropped, { concurrency: inFlight, discard: true }))
  // Whatever comes next, the adapter is there again.
  if (hold !== undefined) yield* Effect.mapError(hold.back, failed)
  yield* grouped

  const groups = inOrder(finished)
  const close = Effect.gen(function* () {
    let closed: Row = {}
    for (const stage of stepStages) {
      yield* emit({ _tag: "StageStarted", step, stage: stage.name, total: 1 })
      const rows = (tag: string) =>
        closed[tag] ?? groups.flatMap(({ [tag]: made }) => (made === undefined ? [] : [made]))
      const input = Object.fromEntries(stage.needs.map((tag) => [tag, rows(tag)]))
      closed = { ...closed, ...(yield* under(stage, input, null)) }
      yield* emit({ _tag: "StageDone", step, stage: stage.name })
    }
    return closed
  })
  // The groups get to the disk while the model learns from them; a step is not done before they are there.
  const [closed] = yield* Effect.all([close, Effect.mapError(pieces.settled, failed)], { concurrency: 2 })
  return closed
})

/** Input that a group's stage refuses is told by the prompt that it came with. */
const placed = (answered: Answered, { id, index }: Artefact.Prompt, places: Pipeline["places"]): Answered => {
  const { action, error, stage } = answered
  if (!(error instanceof Errors.BadInput)) return answered
  const { expected, found, where } = error
  const whose = `${places[index] ?? "prompts"}, ${quote(id)}, ${where}`
  return new Answered({ action, stage, error: new Errors.BadInput({ where: whose, found, expected }) })
}

/** It is nobody's stage that failed. */
const failed = (error: unknown): Answered =>
  error instanceof Answered ? error : new Answered({ stage: "", action: "fail", error: tagged(error) })

/** The rows of finished groups in the order of their prompts, whoever was first; dropped ones are left out. */
export const inOrder = (finished: Load["finished"]): ReadonlyArray<Row> =>
  [...finished].toSorted(([a], [b]) => a - b).flatMap(([, row]) => (row === undefined ? [] : [row]))

/** An update of which the store knows that it leaves the policy as it is ends as it did when that was found. */
const leftAlone = (stage: Stage.Any, made: Artefact.Any): Effect.Effect<Artefact.Any, Answered> => {
  if (!(made instanceof Artefact.Policy) || made.skipped === undefined) return Effect.succeed(made)
  const { error, reason } = made.skipped
  const again = Object.assign(new Error(reason), { _tag: error })
  return Effect.fail(new Answered({ stage: stage.name, action: "skip the step", error: again }))
}

/** A stage that found no answer for a group says what it makes of it, if anything. */
const orUnscored = <R>(stage: Stage.Any, input: Given, work: Effect.Effect<Artefact.Any, Answered, R>) =>
  Effect.catchIf(
    work,
    ({ action }) => action === "leave unscored",
    (answered) => {
      const made = Stage.without(stage, input, reasonOf(answered.error))
      return made === undefined ? Effect.fail(answered) : Effect.succeed(made)
    },
  )

type Given = { readonly [tag: string]: unknown }

/** What a stage needs of a row. */
const needed = (stage: Stage.Any, from: Given): Given => Object.fromEntries(stage.needs.map((tag) => [tag, from[tag]]))

/** A stored update in the place of training. Where it fails in any way, training comes after all. */
const loadState =
  (before: Load["beforeUpdate"]): LoadState<unknown> =>
  (folder, policy) =>
    Effect.gen(function* () {
      yield* before
      const { adapter } = yield* Step
      return (yield* (yield* LanguageModel).loadState(adapter, folder, { optimizer: true })) === policy.adapter
    }).pipe(Effect.orElseSucceed(() => false))

/** Whether a stage may move the adapter. */
const updates = (stage: Stage.Any): boolean => stage.gives.includes("policy")

/**
 * The stage with smaller micro-batches, where it has any. They are made smaller where memory ran out: what the budget had room for then
 * did not fit, and nothing more is kept for the sake of speed.
 */
const split = (stage: Stage.Any, groups: number | null): Stage.Any => {
  const { options } = stage
  if (groups === null || !("microBatchGroups" in options)) return stage
  const sparing = "recompute" in options && options.recompute === "auto" ? { recompute: true } : {}
  return Stage.change(stage, { microBatchGroups: groups, ...sparing })
}

/** Groups of a stage's micro-batch, where it has an opinion. */
export const microBatchOf = ({ options }: Stage.Any): number | undefined =>
  "microBatchGroups" in options && typeof options.microBatchGroups === "number" ? options.microBatchGroups : undefined
