import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { run } from "@hmx/runtime"
import { type ScriptedModelOptions } from "@hmx/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { Artefact, Errors, Evaluate, Experiment, LoRAUpdate, Model, Prompts, Sample, SelfJudge, Stage } from "hmx"
import { readFileSync } from "node:fs"
import { brevity, experiment, folder, options, questions, scripted, updates } from "./experiment.ts"

/** Runs the experiment on a scripted model; what it noted, its metrics, and its outcome. */
const ran = (script: ScriptedModelOptions, steps = 3) =>
  Effect.gen(function* () {
    const path = `${folder()}/run`
    const o = options(path, scripted(script))
    const outcome = yield* run(experiment({ steps }), o)
    return { ...said(o), outcome, metrics: readFileSync(`${path}/metrics.jsonl`, "utf8") }
  })
const failed = (script: ScriptedModelOptions, steps = 3) =>
  Effect.flip(run(experiment({ steps }), options(`${folder()}/run`, scripted(script))))
/** What the run had to say. */
const said = (o: ReturnType<typeof options>) => ({
  notes: o.events.flatMap((e) => (e._tag === "Noted" ? [e.text] : [])),
})

const oom = new Errors.OutOfMemory({ need: 4096, where: "attention" })
const nan = new Errors.NonFinite({ tensor: "layers.1.q_proj.lora_A" })
const always = <E>(error: E): { readonly [call: number]: E } =>
  Object.fromEntries(Array.from({ length: 99 }, (_, i) => [i + 1, error]))

describe("out of memory", () => {
  it.effect("in the update: half the micro-batch, remembered, and the rewards and rollouts are the same", () =>
    Effect.gen(function* () {
      const plain = yield* ran({})
      const tight = yield* ran({ failures: { forwardBackward: { 1: oom } } })
      expect(tight.notes).toEqual([expect.stringContaining("going on with 1 groups at once")])
      const reward = /"reward":[^,]+/
      expect(reward.exec(tight.metrics)?.[0]).toEqual(reward.exec(plain.metrics)?.[0])
      expect(tight.outcome.evaluations.at(-1)?.reports[0]?.policy.step).toBe(3)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("in the update: from then on nothing is kept that the budget has room for", () =>
    Effect.gen(function* () {
      const kept = Effect.fnUntraced(function* (failures: NonNullable<ScriptedModelOptions["failures"]>) {
        const seen: Array<number | undefined> = []
        const loss: ScriptedModelOptions["loss"] = ({ keepBytes, recompute }) => {
          seen.push(recompute === true ? 0 : keepBytes)
          return 1
        }
        yield* ran({ loss, failures })
        return seen
      })
      const roomy = yield* kept({})
      expect(roomy).toHaveLength(3)
      expect(roomy.every((bytes) => bytes !== undefined && bytes > 0)).toBe(true)
      // A step of one pass; the second step fails, and then there is a pass a group.
      const tight = yield* kept({ forwardBackward: { 2: oom } })
      expect(tight).toEqual([roomy[0], 0, 0, 0, 0])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("in sampling: fewer groups at once, finished ones kept, the same bytes", () =>
    Effect.gen(function* () {
      const plain = yield* ran({})
      const tight = yield* ran({ failures: { sample: { 2: oom } } })
      expect(tight.notes).toHaveLength(1)
      expect(tight.metrics).toBe(plain.metrics)
      expect(tight.outcome.adapter).toEqual(plain.outcome.adapter)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("with a single group: fails, and says what to change", () =>
    Effect.gen(function* () {
      expect(yield* failed({ failures: { forwardBackward: always(oom) } })).toMatchObject({
        _tag: "RunFailed",
        stage: "LoRAUpdate",
        step: 1,
        error: "OutOfMemory",
        advice: expect.stringContaining("lower groupSize"),
      })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("in an evaluation, which has no groups: says what helps there", () =>
    Effect.gen(function* () {
      const large: typeof updates = { ...updates, run: Effect.fail(oom) }
      const path = `${folder()}/run`
      const error = yield* Effect.flip(run(experiment({ tasks: [large] }), options(path, scripted())))
      expect(error).toMatchObject({ _tag: "RunFailed", stage: "Evaluate", error: "OutOfMemory" })
      expect(error.message).toMatch(/out of memory in attention: 4\.00 KiB wanted; .*\(--engine-memory\)/)
      expect(error.message).not.toContain("groupSize")
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

describe("an update that is not finite", () => {
  it.effect("is dropped: the policy stays, and the run goes on", () =>
    Effect.gen(function* () {
      const { notes, outcome } = yield* ran({ failures: { forwardBackward: { 2: nan } } })
      expect(notes).toEqual(["LoRAUpdate: layers.1.q_proj.lora_A is not finite; no update in this step (1 in a row)"])
      expect(outcome.evaluations.at(-1)?.reports[0]?.policy.step).toBe(2)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("three times in a row fails the run and names the tensor", () =>
    Effect.gen(function* () {
      const error = yield* failed({ failures: { forwardBackward: always(nan) } }, 5)
      expect(error).toMatchObject({ _tag: "RunFailed", step: 3, reason: expect.stringContaining("lora_A") })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("is counted in a row only: a good step between two of them forgives", () =>
    Effect.gen(function* () {
      const { notes } = yield* ran({ failures: { forwardBackward: { 1: nan, 2: nan, 4: nan, 5: nan } } }, 6)
      expect(notes.map((n) => n.slice(-12))).toEqual(["(1 in a row)", "(2 in a row)", "(1 in a row)", "(2 in a row)"])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

describe("no signal", () => {
  it.effect("skips the update and says so, with the step's rewards in the metrics", () =>
    Effect.gen(function* () {
      const { metrics, notes, outcome } = yield* ran({ answer: ({ updates: n }) => (n === 0 ? "same" : "") }, 2)
      expect(notes).toHaveLength(2)
      expect(notes[0]).toContain("no signal")
      expect(metrics.split("\n")[0]).toContain('"frac_reward_zero_std":1')
      expect(outcome.evaluations.at(-1)?.reports[0]?.policy.step).toBe(0)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("ten steps in a row fails with the distribution of the rewards", () =>
    Effect.gen(function* () {
      const error = yield* failed({ answer: () => "same" }, 20)
      expect(error).toMatchObject({ _tag: "RunFailed", step: 10, error: "NoSignal" })
      expect(String(error)).toContain("min 0.200, median 0.200, max 0.200")
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

describe("policies of a stage", () => {
  class TooLong extends Schema.TaggedError<TooLong>()("TooLong", {}) {}
  const base = Experiment.make("custom", {
    model: Model.nano,
    prompts: Prompts.inline(questions, { perStep: 2, heldOut: ["How are you?"] }),
    memory: "1 GiB",
    steps: 2,
    seed: 7,
  })
  const before = [
    Sample.stage({ groupSize: 3, maxNewTokens: 24 }),
    SelfJudge.stage({ rubric: brevity, judge: "frozen" }),
  ] as const
  const after = [
    LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo" }),
    Evaluate.stage({ tasks: [updates] }),
  ] as const
  const advantages = new Artefact.Advantages({ values: [1, 0, -1], mean: 0, std: 1 })

  /** Advantages of one's own that fail `times` times before they do not. */
  const flaky = (times: number) => {
    let left = times
    return Stage.make("Own", {
      version: 1,
      grain: "group",
      needs: [Artefact.Verdicts],
      gives: Artefact.Advantages,
      run: () => Effect.suspend(() => (left-- > 0 ? Effect.fail(new TooLong()) : Effect.succeed(advantages))),
    })
  }
  const slow = Stage.make("Own", {
    version: 1,
    grain: "group",
    needs: [Artefact.Verdicts],
    gives: Artefact.Advantages,
    run: () => Effect.as(Effect.sleep("10 seconds"), advantages),
  })

  it.effect("retry: as often as it says, and no more", () =>
    Effect.gen(function* () {
      const o = options(`${folder()}/run`)
      yield* run(base.pipe(...before, flaky(2).pipe(Stage.retry({ times: 2 }), Stage.stop("TooLong")), ...after), o)
      expect(said(o).notes).toEqual([])
      const thrice = base.pipe(...before, flaky(9).pipe(Stage.retry({ times: 2 }), Stage.stop("TooLong")), ...after)
      expect(yield* Effect.flip(run(thrice, options(`${folder()}/run`)))).toBeInstanceOf(TooLong)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("recover: the group is dropped, the others are trained on", () =>
    Effect.gen(function* () {
      const o = options(`${folder()}/run`)
      const outcome = yield* run(
        base.pipe(...before, flaky(1).pipe(Stage.recover({ TooLong: "drop the group" })), ...after),
        o,
      )
      expect(said(o).notes).toEqual([expect.stringMatching(/^Own: TooLong.*the group of train-\d is dropped$/)])
      expect(outcome.evaluations.at(-1)?.reports[0]?.policy.step).toBe(2)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("recover: the step is skipped", () =>
    Effect.gen(function* () {
      const o = options(`${folder()}/run`)
      const skipping = flaky(1).pipe(Stage.recover({ TooLong: "skip the step" }))
      const outcome = yield* run(base.pipe(...before, skipping, ...after), o)
      expect(outcome.evaluations.at(-1)?.reports[0]?.policy.step).toBe(1)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("recover: the step is sampled again", () =>
    Effect.gen(function* () {
      const o = options(`${folder()}/run`)
      const again = flaky(1).pipe(Stage.recover({ TooLong: "sample again" }))
      const outcome = yield* run(base.pipe(...before, again, ...after), o)
      expect(said(o).notes).toEqual([expect.stringContaining("sampling again")])
      expect(outcome.evaluations.at(-1)?.reports[0]?.policy.step).toBe(2)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("timeout: fails with TimedOut, which the author lets stop the run", () =>
    Effect.gen(function* () {
      const timed = slow.pipe(Stage.timeout(1000), Stage.stop("TimedOut"))
      const fiber = yield* Effect.forkChild(
        Effect.flip(run(base.pipe(...before, timed, ...after), options(`${folder()}/run`))),
      )
      while (fiber.pollUnsafe() === undefined) {
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
      }
      expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "TimedOut", stage: "Own", ms: 1000 })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("stale rollouts are sampled again, and twice is enough", () =>
    Effect.gen(function* () {
      const stale = Stage.make("Stale", {
        version: 1,
        grain: "group",
        needs: [Artefact.Verdicts],
        gives: Artefact.Advantages,
        run: () => Effect.fail(new Errors.StaleRollouts({ expected: "a", found: "b" })),
      })
      const o = options(`${folder()}/run`)
      const error = yield* Effect.flip(run(base.pipe(...before, stale, ...after), o))
      expect(error).toMatchObject({ _tag: "RunFailed", error: "StaleRollouts", step: 1 })
      expect(said(o).notes).toHaveLength(2)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
