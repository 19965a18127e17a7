/** Writing behind the work: a finished piece, or a step's checkpoint, gets to the disk while the model is busy with what comes next. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

export interface Behind<E = unknown> {
  /** Begins to write, and does not wait for it. It is not interrupted; in order, it is left out where an earlier one has failed. */
  readonly put: <R>(writing: Effect.Effect<void, E, R>) => Effect.Effect<void, never, R>
  /** Done when all that was put is written; fails as it failed. */
  readonly settled: Effect.Effect<void, E>
  /** The work, and what was put before it, both done: where writing fails, the work is stopped at once. */
  readonly beside: <A, E2, R>(work: Effect.Effect<A, E2, R>) => Effect.Effect<A, E | E2, R>
}

/** One after another, in the order in which they were put; or all at once. */
export const make = <E>(how: "in order" | "at once" = "in order"): Behind<E> => {
  let writing: Fiber.Fiber<void, E> | undefined
  const settled = Effect.suspend(() => (writing === undefined ? Effect.void : Fiber.join(writing)))
  return {
    put: (next) =>
      Effect.suspend(() => {
        const before = writing === undefined ? Effect.void : Fiber.join(writing)
        const all = how === "in order" ? Effect.andThen(before, next) : Effect.all([before, next], { concurrency: 2 })
        const both = Effect.uninterruptible(Effect.asVoid(all))
        // Not a child: it outlives what it was put by.
        return Effect.map(Effect.forkDetach(both, { startImmediately: true }), (fiber) => {
          writing = fiber
        })
      }),
    settled,
    beside: (work) => Effect.map(Effect.all([work, settled], { concurrency: 2 }), ([made]) => made),
  }
}
