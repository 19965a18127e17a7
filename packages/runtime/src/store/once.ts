/** What two in this process want at the same time is made by one of them. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const inWork = new Map<string, Deferred.Deferred<void>>()

/**
 * Makes what has that name; while another makes it, waits, and then takes what is `there` by then. `kept` is done when others find what was
 * made; who fails leaves it to the next one.
 */
export const once = <A, E, R, E2, R2>(
  name: string,
  make: Effect.Effect<A, E, R>,
  there: Effect.Effect<A | undefined, E2, R2>,
  kept: Effect.Effect<void>,
): Effect.Effect<A, E | E2, R | R2> =>
  Effect.suspend(() => {
    const other = inWork.get(name)
    if (other !== undefined)
      return Effect.flatMap(Effect.andThen(Deferred.await(other), there), (found) =>
        found === undefined ? once(name, make, there, kept) : Effect.succeed(found),
      )
    const mine = Deferred.makeUnsafe<void>()
    inWork.set(name, mine)
    const leave = Effect.sync(() => {
      inWork.delete(name)
      Deferred.doneUnsafe(mine, Exit.void)
    })
    return Effect.onExit(make, () => Effect.forkDetach(Effect.ensuring(kept, leave), { startImmediately: true }))
  })
