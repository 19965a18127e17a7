import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Behind from "../src/Behind.ts"

describe("writing behind", () => {
  it.effect("waits for nobody, keeps its order, and is not interrupted with who put it", () =>
    Effect.gen(function* () {
      const behind = Behind.make<never>()
      const disk = yield* Deferred.make<void>()
      const written: Array<number> = []
      const write = (n: number) =>
        Effect.andThen(
          Deferred.await(disk),
          Effect.sync(() => void written.push(n)),
        )
      const who = yield* Effect.forkChild(
        Effect.andThen(Effect.andThen(behind.put(write(1)), behind.put(write(2))), Effect.never),
        { startImmediately: true },
      )
      yield* Fiber.interrupt(who)
      expect(written).toEqual([])
      yield* Deferred.succeed(disk, undefined)
      yield* behind.settled
      expect(written).toEqual([1, 2])
    }),
  )

  it.effect("stops the work beside it where it fails, and writes nothing more", () =>
    Effect.gen(function* () {
      const behind = Behind.make<string>()
      let more = false
      yield* behind.put(Effect.fail("full"))
      yield* behind.put(Effect.sync(() => void (more = true)))
      expect(yield* Effect.exit(behind.beside(Effect.never))).toEqual(Exit.fail("full"))
      expect(more).toBe(false)
    }),
  )

  it.effect("side by side it begins when the work has gone on, or at once where somebody waits for it", () =>
    Effect.gen(function* () {
      const behind = Behind.make<never>("side by side")
      const written: Array<string> = []
      const write = (name: string) => behind.put(Effect.sync(() => void written.push(name)))
      yield* write("a")
      yield* write("b")
      yield* Effect.yieldNow
      expect(written).toEqual([])
      yield* behind.settled
      expect(written).toEqual(["a", "b"])
      yield* write("c")
      const waiting = yield* Effect.forkChild(behind.written, { startImmediately: true })
      expect(written).toEqual(["a", "b"])
      yield* Fiber.join(waiting)
      expect(written).toEqual(["a", "b", "c"])
    }),
  )

  it.effect("side by side a failure is told, and what else was put is written", () =>
    Effect.gen(function* () {
      const behind = Behind.make<string>("side by side")
      let other = false
      yield* behind.put(Effect.fail("full"))
      yield* behind.put(Effect.sync(() => void (other = true)))
      expect(yield* Effect.exit(behind.settled)).toEqual(Exit.fail("full"))
      expect(other).toBe(true)
    }),
  )
})
