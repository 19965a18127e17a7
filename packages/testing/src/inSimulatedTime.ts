import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

/** What an effect gave, and how long it took on its own clock. */
export interface Timed<A> {
  readonly value: A
  readonly millis: number
}

/** Lets everything that can go on do so, in real time. */
const settle = TestClock.withLive(Effect.promise(() => new Promise<void>((done) => setImmediate(done))))

/**
 * Runs an effect on a clock that jumps to the next thing that waits: delays, back-off and time limits take their full time on the
 * clock and none on the wall.
 *
 * **Gotchas**
 *
 * Real input and output takes no simulated time, and may let some pass; what is in memory does not.
 *
 * @example
 * import { inSimulatedTime } from "@hmx/testing"
 * import * as Effect from "effect/Effect"
 *
 * const hour = inSimulatedTime(Effect.sleep("1 hour")) // { value: undefined, millis: 3_600_000 }
 */
export const inSimulatedTime = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Timed<A>, E, R> =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.forkChild(
      Effect.flatMap(effect, (value) =>
        Effect.map(Clock.currentTimeMillis, (end): Timed<A> => ({ value, millis: end - start })),
      ),
    )
    yield* settle
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.adjust("1 minute")
      yield* settle
    }
    return yield* Fiber.join(fiber)
  }).pipe(Effect.provide(TestClock.layer()))
