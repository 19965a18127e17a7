import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { run } from "@hmx/runtime"
import { inSimulatedTime } from "@hmx/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { LanguageModel } from "hmx"
import { readFileSync } from "node:fs"
import { once } from "../../src/store/once.ts"
import { experiment, folder, options, scripted } from "../experiment.ts"

describe("what two want at the same time", () => {
  it.effect("is made by one; the other waits until it can be found", () =>
    Effect.gen(function* () {
      const kept = yield* Deferred.make<void>()
      let [made, stored]: [number, string | undefined] = [0, undefined]
      const make = Effect.sync(() => `${++made}`)
      const want = once(
        "a piece",
        make,
        Effect.sync(() => stored),
        Deferred.await(kept),
      )
      expect(yield* want).toBe("1")
      const other = yield* Effect.forkChild(want, { startImmediately: true })
      expect(other.pollUnsafe()).toBe(undefined)
      stored = "from the store"
      yield* Deferred.succeed(kept, undefined)
      expect(yield* Fiber.join(other)).toBe("from the store")
      expect(made).toBe(1)
    }),
  )

  it.effect("is made by the other where the one fails, or gives up", () =>
    Effect.gen(function* () {
      const none = Effect.succeed(undefined)
      const begun = yield* Deferred.make<void>()
      const never = once("a piece", Effect.andThen(Deferred.succeed(begun, undefined), Effect.never), none, Effect.void)
      const first = yield* Effect.forkChild(never, { startImmediately: true })
      const second = yield* Effect.forkChild(once("a piece", Effect.fail("no luck"), none, Effect.void), {
        startImmediately: true,
      })
      const third = yield* Effect.forkChild(once("a piece", Effect.succeed("made"), none, Effect.void), {
        startImmediately: true,
      })
      yield* Fiber.interrupt(first)
      expect(yield* Fiber.await(second)).toEqual(Exit.fail("no luck"))
      expect(yield* Fiber.join(third)).toBe("made")
    }),
  )

  it.effect("is sampled once, where two runs in one process share a store", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const model = scripted()
      const layer = Layer.effect(
        LanguageModel,
        Effect.map(Effect.service(LanguageModel), (lm) => ({
          ...lm,
          sample: (request) => {
            asked.push(`${request.key.step} ${request.key.prompt}`)
            return Effect.delay(lm.sample(request), 1000)
          },
        })),
      ).pipe(Layer.provide(model.layer))
      const at = folder()
      const go = (name: string) =>
        run(experiment({ steps: 2 }), { ...options(`${at}/${name}`, { ...model, layer }), store: `${at}/store` })
      yield* inSimulatedTime(Effect.all([go("one"), go("other")], { concurrency: 2 }))
      expect(asked.length).toBeGreaterThan(0)
      expect(asked.toSorted()).toEqual([...new Set(asked)].toSorted())
      const report = (name: string) => readFileSync(`${at}/${name}/report.json`, "utf8")
      expect(report("one")).toBe(report("other"))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
