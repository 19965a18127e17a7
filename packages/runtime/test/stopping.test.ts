import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { type Event, resume, run, runState } from "@hmx/runtime"
import { everAfter, inMemory, inSimulatedTime } from "@hmx/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { Errors, StopWhen } from "hmx"
import { readFileSync } from "node:fs"
import { experiment, folder, options, scripted } from "./experiment.ts"

/** Answers that get shorter with every update: the reward rises. */
const learning = {
  answer: ({ updates, completion }: { updates: number; completion: number }) =>
    "x".repeat(20 - 4 * updates + completion),
}
const rising = StopWhen.metric("reward").above(0.06)
const stops = (events: ReadonlyArray<Event>) => events.filter((event) => event._tag === "Stopped")

const files = (path: string) => [`report.json`, `metrics.jsonl`].map((name) => readFileSync(`${path}/${name}`, "utf8"))

describe("a condition", () => {
  it.effect("ends the run after the step that meets it: measured, reported, done", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      const { events, ...given } = options(path, scripted(learning))
      const made = yield* run(experiment({ steps: 9, stopWhen: rising }), given)
      expect(made.steps).toBe(3)
      expect(made.stopped).toMatch(/^reward was above 0\.06: 0\.0\d+$/)
      expect(made.evaluations.map(({ step }) => step)).toEqual([0, 3])
      expect(made.adapter.path).toBe("checkpoints/step-3")
      expect(stops(events)).toEqual([{ _tag: "Stopped", step: 3, by: "condition", because: made.stopped }])
      expect(yield* runState(path)).toEqual({ state: "stopped early", because: made.stopped })
      const before = files(path)
      const again = yield* resume(experiment({ steps: 9, stopWhen: rising }), path, options(path, scripted(learning)))
      expect([again.steps, again.stopped]).toEqual([3, made.stopped])
      expect(files(path)).toEqual(before)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("is met at the same step by a run that was killed on the way", () =>
    Effect.gen(function* () {
      const of = experiment({ steps: 9, stopWhen: StopWhen.metric("reward").stalled({ for: 1, by: 0.02 }) })
      const whole = `${folder()}/run`
      yield* run(of, options(whole, scripted()))
      for (const call of [3, 6, 9]) {
        const path = `${folder()}/run`
        const lost = scripted({ failures: { sample: everAfter(call, new Errors.DeviceLost({ reason: "killed" })) } })
        yield* Effect.exit(run(of, options(path, lost)))
        yield* resume(of, path, options(path, scripted()))
        expect(files(path)).toEqual(files(whole))
      }
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("that is met at the last step ends nothing early", () =>
    Effect.gen(function* () {
      const { outcome } = yield* inMemory(experiment({ steps: 3, stopWhen: rising }), { script: learning })
      expect([outcome.steps, outcome.stopped]).toEqual([3, undefined])
    }),
  )

  it.effect("on what no step measured is told once", () =>
    Effect.gen(function* () {
      const { events } = yield* inMemory(experiment({ stopWhen: StopWhen.metric("entropy").below(0) }))
      const notes = events.flatMap((event) => (event._tag === "Noted" ? [event.text] : []))
      expect(notes).toEqual(["stopWhen asks entropy, which this step did not measure"])
    }),
  )
})

const Used = Schema.Struct({ used: Schema.Number })

/** How a run ends under so many tokens. */
const under = (tokens: number) => Effect.flip(run(experiment({ budget: { tokens } }), options(`${folder()}/run`)))

describe("a budget", () => {
  it.effect("of tokens: no step begins over it; under a greater one it goes on to the same bytes", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      const { events, ...given } = options(path)
      const error = yield* Effect.flip(run(experiment({ budget: { tokens: 40 } }), given))
      expect(error).toMatchObject({ _tag: "BudgetUsed", of: "tokens", limit: 40, step: 1, steps: 3 })
      expect(error).toHaveProperty(
        "message",
        expect.stringMatching(/^the budget is used up after step 1 of 3: \d+ tokens, of 40$/),
      )
      expect(stops(events)).toMatchObject([{ step: 1, by: "budget" }])
      expect(yield* runState(path)).toMatchObject({ state: "over budget" })
      const still = yield* Effect.flip(resume(experiment({ budget: { tokens: 40 } }), path, options(path)))
      expect(still).toMatchObject({ _tag: "BudgetUsed", step: 1 })
      yield* resume(experiment({ budget: { tokens: 100_000 } }), path, options(path))
      const whole = `${folder()}/run`
      yield* run(experiment(), options(whole))
      expect(files(path)).toEqual(files(whole))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("of as many tokens as a step has used is used up, and one token more is not", () =>
    Effect.gen(function* () {
      const { used } = Schema.decodeUnknownSync(Used)(yield* under(1))
      expect(yield* under(used)).toMatchObject({ _tag: "BudgetUsed", step: 1, used, limit: used })
      expect(yield* under(used + 1)).toMatchObject({ _tag: "BudgetUsed", step: 2, limit: used + 1 })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("of time counts the steps, before a resumption as well", () =>
    Effect.gen(function* () {
      const script = { delays: { sample: "4 seconds" } } as const
      // Two groups are sampled at once: a step takes four seconds.
      const timed = inSimulatedTime(
        Effect.flip(inMemory(experiment({ steps: 9, budget: { time: "10 s" } }), { script })),
      )
      expect((yield* timed).value).toMatchObject({ _tag: "BudgetUsed", of: "time", limit: 10, step: 3, steps: 9 })
    }),
  )

  it.effect("of time that an earlier process used is used", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      yield* Effect.flip(run(experiment({ budget: { tokens: 40 } }), options(path)))
      const events = readFileSync(`${path}/events.jsonl`, "utf8").replace(
        /"seconds":[\d.e-]+,"metrics"/,
        '"seconds":30,"metrics"',
      )
      yield* Effect.promise(() => import("node:fs/promises").then((fs) => fs.writeFile(`${path}/events.jsonl`, events)))
      for (const limit of [20, 30]) {
        const error = yield* Effect.flip(resume(experiment({ budget: { time: `${limit} s` } }), path, options(path)))
        expect(error).toMatchObject({ _tag: "BudgetUsed", of: "time", used: 30, limit })
      }
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

describe("what a run's folder says of its end", () => {
  it.effect("interrupted, failed, unfinished, finished, not begun", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      expect(yield* runState(path)).toEqual({ state: "not begun" })
      let interrupt: (() => void) | undefined
      const onEvent = (event: Event) => {
        if (event._tag === "StepFinished") interrupt?.()
      }
      const fiber = yield* Effect.forkChild(run(experiment(), { ...options(path), onEvent }))
      interrupt = () => fiber.interruptUnsafe()
      yield* Fiber.await(fiber)
      expect(yield* runState(path)).toEqual({ state: "interrupted", because: "interrupted" })
      const lost = scripted({ failures: { sample: everAfter(1, new Errors.DeviceLost({ reason: "killed" })) } })
      yield* Effect.flip(resume(experiment(), path, options(path, lost)))
      expect(yield* runState(path)).toMatchObject({ state: "failed", because: expect.stringContaining("killed") })
      yield* resume(experiment(), path, options(path))
      expect(yield* runState(path)).toEqual({ state: "finished" })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
