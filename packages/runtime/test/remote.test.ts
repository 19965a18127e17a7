import { describe, expect, it } from "@effect/vitest"
import { inMemory, inSimulatedTime } from "@hmx/testing"
import * as Effect from "effect/Effect"
import {
  Artefact,
  Errors,
  Evaluate,
  Experiment,
  GroupAdvantage,
  type Judge,
  LoRAUpdate,
  Model,
  Prompts,
  RemoteJudge,
  Rubric,
  Sample,
  SelfJudge,
  Stage,
} from "hmx"
import { questions, updates } from "./experiment.ts"

const away = new Errors.RemoteUnavailable({ url: "http://judge", reason: "refused" })
const garbled = new Errors.Unparseable({ text: "maybe" })
const limited = (retryAfterMs: number | null) => new Errors.RateLimited({ url: "http://judge", retryAfterMs })
const advantages = new Artefact.Advantages({ values: [1, 0, -1], mean: 0, std: 1 })

/** One step of two groups, whose first asks of a server fail; and how often it was asked. */
const asking = (error: Errors.RemoteUnavailable | Errors.RateLimited | Errors.Unparseable, times: number) => {
  let asked = 0
  const judge = Stage.make("Remote", {
    version: 1,
    grain: "group",
    needs: [Artefact.Rollouts],
    gives: Artefact.Advantages,
    run: () => Effect.suspend(() => (++asked <= times ? Effect.fail(error) : Effect.succeed(advantages))),
  })
  const of = Experiment.make("remote", {
    model: Model.nano,
    prompts: Prompts.inline(questions, { perStep: 2, heldOut: ["How are you?"] }),
    memory: "1 GiB",
    steps: 1,
    seed: 7,
    inFlight: 1,
  }).pipe(
    Sample.stage({ groupSize: 3, maxNewTokens: 24 }),
    judge,
    LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo" }),
    Evaluate.stage({ tasks: [updates] }),
  )
  return Effect.map(inSimulatedTime(Effect.result(inMemory(of))), ({ millis, value }) => ({
    asked,
    seconds: millis / 1000,
    value,
  }))
}

describe("a server", () => {
  it.effect("that does not answer is waited for, longer each time, for most of a minute", () =>
    Effect.gen(function* () {
      const { asked, seconds, value } = yield* asking(away, 7)
      expect([asked, value._tag]).toEqual([9, "Success"])
      // 0.5 + 1 + 2 + 4 + 8 + 15 + 15 seconds, each with jitter of a fifth.
      expect(seconds).toBeGreaterThan(36)
      expect(seconds).toBeLessThan(55)
    }),
  )

  it.effect("that stays away fails the run with its own words", () =>
    Effect.gen(function* () {
      const { asked, value } = yield* asking(away, 99)
      expect(asked).toBe(8)
      expect(value._tag === "Failure" && value.failure).toMatchObject({
        _tag: "RunFailed",
        stage: "Remote",
        error: "RemoteUnavailable",
        reason: "http://judge does not answer: refused",
      })
    }),
  )

  it.effect("that is asked too often is left alone for as long as it says, and up to a minute", () =>
    Effect.gen(function* () {
      const patient = yield* asking(limited(20_000), 2)
      expect([patient.asked, patient.value._tag]).toEqual([4, "Success"])
      expect(patient.seconds).toBeGreaterThanOrEqual(40)
      expect(patient.seconds).toBeLessThan(41)
      const greedy = yield* asking(limited(3_600_000), 1)
      expect(Math.round(greedy.seconds)).toBe(60)
      const silent = yield* asking(limited(null), 1)
      expect(silent.seconds).toBeLessThan(1)
      const { asked, value } = yield* asking(limited(1000), 99)
      expect(asked).toBe(8)
      expect(value._tag === "Failure" && value.failure).toMatchObject({
        error: "RateLimited",
        reason: "http://judge is asked too often: again in 1 s",
      })
    }),
  )

  it.effect(
    "that says nothing of use is asked again twice; what a stage of one's own then has no word for is dropped",
    () =>
      Effect.gen(function* () {
        expect((yield* asking(garbled, 2)).asked).toBe(4)
        const { asked, value } = yield* asking(garbled, 3)
        expect(asked).toBe(4)
        if (value._tag === "Failure") throw new Error(value.failure._tag)
        expect(value.success.events.flatMap((e) => (e._tag === "Noted" ? [e.text] : []))).toEqual([
          expect.stringMatching(/^Remote: no verdict in: maybe; the group of train-\d is dropped$/),
        ])
      }),
  )
})

const even = Rubric.make("even", {
  version: 1,
  criteria: [{ name: "even", ask: "Is it even?", anchors: { low: "no", high: "yes" }, weight: 1 }],
  scale: { min: 0, max: 1 },
  readOut: Rubric.yesNo(),
})

/** One step of two groups of three, judged by a server; what it was asked, as [readings, how often before]. */
const judged = (
  answer: (
    readings: ReadonlyArray<Judge.Reading>,
    again: number,
  ) => Effect.Effect<ReadonlyArray<Judge.Result>, Errors.Unparseable>,
  judge: SelfJudge<"remote"> = SelfJudge.stage({ rubric: even, judge: "remote", unfinished: "judge" }),
) => {
  const asked: Array<readonly [number, number]> = []
  const of = Experiment.make("remote", {
    model: Model.nano,
    prompts: Prompts.inline(questions, { perStep: 2, heldOut: ["How are you?"] }),
    memory: "1 GiB",
    steps: 1,
    seed: 7,
    inFlight: 1,
  }).pipe(
    Sample.stage({ groupSize: 3, maxNewTokens: 24 }),
    judge,
    GroupAdvantage.stage({ scale: "group" }),
    LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo" }),
    Evaluate.stage({ tasks: [updates] }),
  )
  const server = RemoteJudge.of({
    read: (readings, again) =>
      Effect.suspend(() => {
        asked.push([readings.length, again])
        return answer(readings, again)
      }),
  })
  return Effect.map(inSimulatedTime(Effect.provideService(inMemory(of), RemoteJudge, server)), ({ value }) => ({
    asked,
    metrics: value.metrics[0],
    notes: value.events.flatMap((e) => (e._tag === "Noted" ? [e.text] : [])),
  }))
}
/** The i-th reading is answered by how even i is. */
const read = (readings: ReadonlyArray<Judge.Reading>): ReadonlyArray<Judge.Result> =>
  readings.map((_, i) => ({ logprobs: i % 2 === 0 ? [-0.1, -2] : [-2, -0.1] }))

describe("a verdict that a server does not give", () => {
  it.effect("is asked for again alone, under another seed, and counts when it comes", () =>
    Effect.gen(function* () {
      const { asked, metrics, notes } = yield* judged((readings, again) =>
        Effect.succeed(again < 2 ? [{ failed: "cut off" }, ...read(readings).slice(1)] : read(readings)),
      )
      expect(asked).toEqual([
        [3, 0],
        [1, 1],
        [1, 2],
        [3, 0],
        [1, 1],
        [1, 2],
      ])
      expect(metrics?.["completions/unscored_ratio"]).toBe(0)
      expect(notes).toEqual([])
    }),
  )

  it.effect("leaves its completion unscored when it stays away, and the rest of the group is trained on", () =>
    Effect.gen(function* () {
      const { asked, metrics, notes } = yield* judged((readings, again) =>
        Effect.succeed(again === 0 ? [{ failed: "cut off" }, ...read(readings).slice(1)] : [{ failed: "cut off" }]),
      )
      expect(asked).toHaveLength(6)
      expect(metrics?.["completions/unscored_ratio"]).toBeCloseTo(1 / 3, 12)
      expect(metrics?.["loss"]).toBeDefined()
      expect(notes).toEqual(["2 of 6 answers have no verdict: even: even: cut off"])
    }),
  )

  it.effect(
    "with the whole answer unreadable, leaves the group unscored: it is not dropped, and carries no gradient",
    () =>
      Effect.gen(function* () {
        let groups = 0
        const { asked, metrics, notes } = yield* judged((readings, again) => {
          if (again === 0) groups++
          return groups === 1 ? Effect.fail(new Errors.Unparseable({ text: "maybe" })) : Effect.succeed(read(readings))
        })
        // Another try of the stage begins behind the seeds of the one before.
        expect(asked).toEqual([
          [3, 0],
          [3, 3],
          [3, 6],
          [3, 0],
        ])
        expect(metrics?.["completions/unscored_ratio"]).toBe(0.5)
        expect(metrics?.["rewards/even@1/mean"]).toBeDefined()
        expect(metrics?.["loss"]).toBeDefined()
        expect(notes).toEqual(["3 of 6 answers have no verdict: no verdict in: maybe"])
      }),
  )

  it.effect("in its time, where the author says so, as well", () =>
    Effect.gen(function* () {
      const slow = SelfJudge.stage({ rubric: even, judge: "remote", unfinished: "judge" }).pipe(
        Stage.timeout(100),
        Stage.recover({ TimedOut: "leave unscored" }),
      )
      const { asked, notes } = yield* judged(
        (readings, again) => Effect.delay(Effect.succeed(read(readings)), again === 6 ? 10 : 500),
        slow,
      )
      // The third try of each is in time.
      expect(asked.map(([, again]) => again)).toEqual([0, 3, 6, 0, 3, 6])
      expect(notes).toEqual([])
    }),
  )
})
