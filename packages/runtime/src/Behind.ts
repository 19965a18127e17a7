/** Writing behind the work: a finished piece, or a step's checkpoint, gets to the disk while the model is busy with what comes next. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

export interface Behind<E = unknown> {
  /** Begins to write, and does not wait for it. It is not interrupted; in order, it is left out where an earlier one has failed. */
  readonly put: <R>(writing: Effect.Effect<void, E, R>) => Effect.Effect<void, never, R>
  /** Done when all that was put is written, which begins at once; fails as it failed. */
  readonly settled: Effect.Effect<void, E>
  /** Done when all that was put is written, and hastens nothing. */
  readonly written: Effect.Effect<void, E>
  /** The work, and what was put before it, both done: where writing fails, the work is stopped at once. */
  readonly beside: <A, E2, R>(work: Effect.Effect<A, E2, R>) => Effect.Effect<A, E | E2, R>
}

/** Milliseconds in which the work gets to the model before the thread is busy with writing. */
const later = 10

/** One after another, in the order in which they were put; or side by side, a moment after. */
export const make = <E>(how: "in order" | "side by side" = "in order"): Behind<E> => {
  let writing: Fiber.Fiber<void, E> | undefined
  const waiting = new Set<() => void>()
  const moment = Effect.callback<void>((resume) => {
    const begin = () => {
      clearTimeout(timer)
      waiting.delete(begin)
      resume(Effect.void)
    }
    const timer = setTimeout(begin, later)
    waiting.add(begin)
  })
  const written = Effect.suspend(() => (writing === undefined ? Effect.void : Fiber.join(writing)))
  const settled = Effect.suspend(() => {
    for (const begin of waiting) begin()
    return written
  })
  return {
    put: (next) =>
      Effect.suspend(() => {
        const before = writing === undefined ? Effect.void : Fiber.join(writing)
        const all =
          how === "in order"
            ? Effect.andThen(before, next)
            : Effect.all([before, Effect.andThen(moment, next)], { concurrency: 2 })
        const both = Effect.uninterruptible(Effect.asVoid(all))
        // Not a child: it outlives what it was put by.
        return Effect.map(Effect.forkDetach(both, { startImmediately: true }), (fiber) => {
          writing = fiber
        })
      }),
    settled,
    written,
    beside: (work) => Effect.map(Effect.all([work, settled], { concurrency: 2 }), ([made]) => made),
  }
}
