/** Turns of runs that share one model. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { LanguageModel, type Stage } from "hmx"
import type { Cursor } from "./Cursor.ts"
import { restore } from "./restore.ts"

/** The right to the model; who asks first is first. */
export interface Turn {
  readonly take: Effect.Effect<void>
  readonly give: Effect.Effect<void>
}

/** A run's hold of the model within a step. */
export interface Hold<E = unknown, R = never> {
  /** Work that asks the model. */
  readonly use: <A, E2, R2>(work: Effect.Effect<A, E2, R2>) => Effect.Effect<A, E | E2, R | R2>
  /** Work that does not (a judge on a server). While there is nothing else to do, another run may have the model. */
  readonly away: <A, E2, R2>(work: Effect.Effect<A, E2, R2>) => Effect.Effect<A, E2, R | R2>
  /** Has the model again after work that was away. */
  readonly back: Effect.Effect<void, E, R>
}

/** Whether a stage asks the model, as far as it says. */
export const asksModel = ({ reads }: Stage.Any): boolean =>
  reads === undefined || reads.some((of) => of === "policy" || of === "base" || of === "optimiser" || of === "world")

/** Whether a stage waits for a judge on a server, and asks the model nothing meanwhile. What asks neither is done at once, and keeps the turn. */
export const waitsElsewhere = (stage: Stage.Any): boolean =>
  !asksModel(stage) && stage.reads?.includes("judge") === true

/**
 * Work on a run's adapter. Between its turns a run that shares its model holds nothing of it: the adapter and its optimiser lie in the
 * checkpoint of the cursor, from which a turn begins, as a resumed run does. So the arms of a contrast need one arm's memory. `settled` is
 * done when that checkpoint is on the disk.
 */
export const inTurn = Effect.fnUntraced(function* <A, E, R, E2>(
  run: { readonly turn: Turn | undefined; readonly folder: string },
  adapter: string,
  cursor: Cursor,
  settled: Effect.Effect<void, E2>,
  work: (hold: Hold<unknown, unknown> | undefined) => Effect.Effect<A, E, R>,
) {
  const { turn } = run
  if (turn === undefined) return yield* work(undefined)
  const begin = Effect.andThen(settled, restore(adapter, cursor, run.folder))
  const give = Effect.andThen(leave(adapter), turn.give)
  const gate = yield* Semaphore.make(1)
  /** Pieces of work that ask the model, and the step itself while none is away. */
  let users = 0
  let stepHolds = false
  const enter = gate.withPermit(
    Effect.suspend(() =>
      users > 0
        ? Effect.sync(() => void users++)
        : Effect.uninterruptibleMask((interruptibly) =>
            interruptibly(turn.take).pipe(
              Effect.andThen(Effect.onError(interruptibly(begin), () => give)),
              Effect.andThen(Effect.sync(() => void users++)),
            ),
          ),
    ),
  )
  const exit = gate.withPermit(Effect.suspend(() => (--users === 0 ? give : Effect.void)))
  const back = Effect.suspend(() =>
    stepHolds
      ? Effect.void
      : Effect.uninterruptibleMask((interruptibly) =>
          Effect.andThen(
            interruptibly(enter),
            Effect.sync(() => {
              stepHolds = true
            }),
          ),
        ),
  )
  const off = Effect.suspend(() => {
    if (!stepHolds) return Effect.void
    stepHolds = false
    return exit
  })
  const hold: Hold<unknown, unknown> = {
    use: (asking) =>
      Effect.uninterruptibleMask((interruptibly) =>
        Effect.andThen(interruptibly(enter), Effect.ensuring(interruptibly(asking), exit)),
      ),
    away: (waiting) => Effect.andThen(Effect.uninterruptible(off), waiting),
    back,
  }
  return yield* Effect.ensuring(Effect.andThen(back, work(hold)), off)
})

/** Gives the adapter's memory back. A model that is gone holds none. */
export const leave = (adapter: string) => Effect.ignore(Effect.flatMap(LanguageModel, (lm) => lm.dropAdapter(adapter)))
