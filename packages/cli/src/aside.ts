/** What a user's module prints while it is looked at goes to stderr: stdout is the answer, which may be JSON or a picture. */
import * as Effect from "effect/Effect"

export const aside = <A, E, R>(look: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const { debug, error, info, log } = console
      Object.assign(console, { debug: error, info: error, log: error })
      return { debug, info, log }
    }),
    () => look,
    (before) => Effect.sync(() => Object.assign(console, before)),
  )
