import { expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { Errors, LoRAUpdate, Reserved, Sample } from "hmx"
import fc from "fast-check"
import * as Reservations from "../src/Reservations.ts"

/** Work that goes on until it is told to end, and notes that it began. */
const open = (memory: Reservations.Reservations, bytes: number, began: Array<number>) =>
  Effect.gen(function* () {
    const end = yield* Deferred.make<void, string>()
    const work = Effect.andThen(
      Effect.sync(() => void began.push(bytes)),
      Deferred.await(end),
    )
    const fiber = yield* Effect.forkChild(memory.hold(bytes, "here", work))
    yield* Effect.yieldNow
    return { end, fiber }
  })

it.effect("small requests do not overtake a big one", () =>
  Effect.gen(function* () {
    const memory = Reservations.make(10)
    const began: Array<number> = []
    const first = yield* open(memory, 6, began)
    const big = yield* open(memory, 9, began)
    const small = yield* open(memory, 1, began)
    expect(began).toEqual([6])
    yield* Deferred.succeed(first.end, undefined)
    yield* Fiber.join(first.fiber)
    yield* Effect.yieldNow
    expect(began).toEqual([6, 9, 1])
    yield* Fiber.interrupt(big.fiber)
    yield* Fiber.interrupt(small.fiber)
    expect(memory.held()).toBe(0)
  }),
)

it.effect("who gives up in the queue lets those behind go on", () =>
  Effect.gen(function* () {
    const memory = Reservations.make(10)
    const began: Array<number> = []
    yield* open(memory, 6, began)
    const big = yield* open(memory, 9, began)
    yield* open(memory, 4, began)
    yield* Fiber.interrupt(big.fiber)
    yield* Effect.yieldNow
    expect(began).toEqual([6, 4])
  }),
)

it.effect("more than there ever is fails at once, and holds nothing", () =>
  Effect.gen(function* () {
    const memory = Reservations.make(10)
    const error = yield* Effect.flip(memory.hold(11, "LoRAUpdate", Effect.void))
    expect(error).toEqual(new Errors.OutOfMemory({ need: 11, where: "LoRAUpdate" }))
    expect(memory.held()).toBe(0)
  }),
)

const asks = fc.array(
  fc.record({ bytes: fc.integer({ min: 0, max: 12 }), ends: fc.constantFrom("well", "badly", "interrupted") }),
)

it("whatever is asked and however it ends, no more than the capacity is held, and all of it comes back", async () => {
  const holds = fc.asyncProperty(asks, (asked) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const memory = Reservations.make(10)
        let most = 0
        const one = ({ bytes, ends }: (typeof asked)[number]) => {
          const work = Effect.gen(function* () {
            most = Math.max(most, memory.held())
            yield* Effect.yieldNow
            if (ends === "badly") yield* Effect.fail("badly")
            if (ends === "interrupted") yield* Effect.interrupt
          })
          return Effect.exit(memory.hold(bytes, "here", work))
        }
        const exits = yield* Effect.forEach(asked, one, { concurrency: "unbounded" })
        expect(most).toBeLessThanOrEqual(10)
        expect(memory.held()).toBe(0)
        expect(exits.map(Exit.isSuccess)).toEqual(asked.map(({ bytes, ends }) => bytes <= 10 && ends === "well"))
      }),
    ),
  )
  await fc.assert(holds)
})

it.effect("a stage sees its own reservation, part by part", () =>
  Effect.gen(function* () {
    const parts = [{ part: "kept activations", bytes: 4 }]
    const stages = [{ stage: "LoRAUpdate", bytes: 4, parts, idle: 0, offloads: 0 }]
    const room = Reservations.roomOf({ budget: 10, weights: 1, stays: 1, stages }, 2, "policy")
    const update = LoRAUpdate.stage({ rank: 1, learningRate: 1, loss: "dapo" })
    const sample = Sample.stage({ groupSize: 2, maxNewTokens: 1 })
    const see = Effect.gen(function* () {
      return yield* Reserved
    })
    expect(yield* room(update, see)).toEqual(parts)
    expect(yield* room(sample, see)).toEqual([])
    expect(yield* see).toEqual([])
  }),
)
