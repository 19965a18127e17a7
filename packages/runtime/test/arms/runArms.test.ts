import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import {
  ArmsFolder,
  type Event,
  failureOf,
  type Loadable,
  type Outcome,
  resume,
  resumeArms,
  run,
  runArms,
} from "@hmx/runtime"
import { everAfter, inSimulatedTime, MemoryFiles } from "@hmx/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import {
  contrast,
  Errors,
  Evaluate,
  Experiment,
  GroupAdvantage,
  LanguageModel,
  LoRAUpdate,
  Model,
  type Plan,
  Prompts,
  RemoteJudge,
  Reward,
  Rubric,
  Sample,
  SelfJudge,
  StopWhen,
  seeds,
} from "hmx"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { brevity, experiment, folder, options, scripted, updates } from "../experiment.ts"

const wordy = Reward.make("wordy", { version: 1, score: (c) => c.text.length / 100 })
const plan = (settings: Parameters<typeof experiment>[0] = {}) =>
  contrast(experiment(settings), { brief: (arm) => arm.reward(brevity), wordy: (arm) => arm.reward(wordy) })

const armsOptions = (path: string, model: Loadable = scripted()) => {
  const events: Array<readonly [string, Event]> = []
  const { locate, place } = options(path)
  const onEvent = (arm: string, event: Event) => void events.push([arm, event])
  return { events, model, place, locate, source: () => ({}), versions: {}, onEvent }
}

type Service = (typeof LanguageModel)["Service"]
/** The scripted model under a change of its methods. */
const changed = (change: (lm: Service) => Partial<Service>, model = scripted()): Loadable => {
  const layer = Layer.effect(
    LanguageModel,
    Effect.map(Effect.service(LanguageModel), (lm) => ({ ...lm, ...change(lm) })),
  )
  return { ...model, layer: Layer.provide(layer, model.layer) }
}

/** A plan does not know its experiments' types; those of these tests ask for nothing of their own. */
const bare = (arm: Effect.Effect<Outcome, unknown, unknown>) =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  arm as Effect.Effect<Outcome, unknown, FileSystem.FileSystem>
const alone = (arm: Experiment.Any, path: string) => bare(run(arm, { ...options(path), store: `${folder()}/store` }))

/** Whatever of a run must not depend on how it came about. */
const bytes = (path: string) => ({
  metrics: readFileSync(`${path}/metrics.jsonl`, "utf8"),
  report: readFileSync(`${path}/report.json`, "utf8"),
  checkpoints: readdirSync(`${path}/checkpoints`).map((step) =>
    readdirSync(`${path}/checkpoints/${step}`).map((file) => [
      step,
      file,
      readFileSync(`${path}/checkpoints/${step}/${file}`, "hex"),
    ]),
  ),
  evaluations: readdirSync(`${path}/evaluations`).map((file) => readFileSync(`${path}/evaluations/${file}`, "utf8")),
})
const bytesOfArms = (path: string) => ({
  report: readFileSync(`${path}/report.json`, "utf8"),
  arms: readdirSync(`${path}/arms`).map((arm) => [arm, bytes(`${path}/arms/${arm}`)]),
})

/** The bytes of all arms of a plan that nothing disturbed. */
const undisturbed = (of: Plan) =>
  Effect.gen(function* () {
    const path = `${folder()}/whole`
    yield* runArms(of, armsOptions(path))
    return bytesOfArms(path)
  })

const ends = (made: Effect.Success<ReturnType<typeof runArms>>) =>
  made.arms.map(({ end, name }) => [name, end === "done before" ? end : end._tag])

/** Why arms do not go on; nothing of them may have happened. */
const refused = (of: Plan, path: string, model = scripted()) =>
  Effect.gen(function* () {
    const { events, ...given } = armsOptions(path, model)
    const error = yield* Effect.flip(resumeArms(of, path, given))
    expect(events).toEqual([])
    return error
  })

/** The contrast with another reward in its second arm. */
const contrasted = (name: string, score: (c: { readonly text: string }) => number) =>
  contrast(experiment(), {
    brief: (arm) => arm.reward(brevity),
    wordy: (arm) => arm.reward(Reward.make(name, { version: 1, score })),
  })

describe("arms", () => {
  it.effect.each([
    ["of a contrast", plan()],
    ["of a contrast under two seeds", seeds(plan({ steps: 2 }), 2)],
  ] as const)("%s are each what they are alone, to the byte", ([, of]) =>
    Effect.gen(function* () {
      const path = `${folder()}/arms`
      const made = yield* runArms(of, { ...armsOptions(path), store: `${folder()}/store` })
      expect(made.arms.map(failureOf)).toEqual(of.entries.map(() => undefined))
      for (const { experiment: arm, name } of of.entries) {
        const single = `${folder()}/single`
        yield* alone(arm, single)
        expect(bytes(`${path}/arms/${name}`)).toEqual(bytes(single))
      }
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("take turns, step by step, and hold one adapter between them", () =>
    Effect.gen(function* () {
      // Without a disk nobody is late for a turn.
      const files = new MemoryFiles()
      const resident = new Set<string>()
      const seen: Array<number> = []
      const watching = changed(
        (lm) => ({
          createAdapter: (name, lora, seed) => {
            resident.add(name)
            return lm.createAdapter(name, lora, seed)
          },
          loadState: (name, from, what) => {
            resident.add(name)
            return lm.loadState(name, from, what)
          },
          dropAdapter: (name) => {
            resident.delete(name)
            return lm.dropAdapter(name)
          },
          sample: (request) => {
            seen.push(resident.size)
            return lm.sample(request)
          },
        }),
        scripted({ files }),
      )
      const { events, ...given } = armsOptions(`${files.root}/arms`, watching)
      yield* Effect.provide(runArms(plan(), given), files.layer)
      const steps = events.flatMap(([arm, event]) => (event._tag === "StepFinished" ? [`${arm} ${event.step}`] : []))
      expect(steps).toEqual(["brief 1", "wordy 1", "brief 2", "wordy 2", "brief 3", "wordy 3"])
      expect(new Set(seen)).toEqual(new Set([1]))
      expect(resident.size).toBe(0)
    }),
  )

  it.effect("one that fails leaves the other to go on, says so, and goes on later to the same bytes", () =>
    Effect.gen(function* () {
      const path = `${folder()}/arms`
      const broken = changed((lm) => ({
        forwardBackward: (request) =>
          request.adapter.startsWith("1/")
            ? Effect.fail(new Errors.DeviceLost({ reason: "this arm's alone" }))
            : lm.forwardBackward(request),
      }))
      const made = yield* runArms(plan(), armsOptions(path, broken))
      expect(ends(made)).toEqual([
        ["brief", "Success"],
        ["wordy", "Failure"],
      ])
      expect(made.arms.map(failureOf)).toMatchObject([undefined, { _tag: "RunFailed", error: "DeviceLost", step: 1 }])
      expect(made.comparison.arms.map(({ state, step }) => [state, step])).toEqual([
        ["finished", 3],
        ["failed", 0],
      ])
      const again = yield* resumeArms(plan(), path, armsOptions(path))
      expect(ends(again)).toEqual([
        ["brief", "done before"],
        ["wordy", "Success"],
      ])
      expect(bytesOfArms(path)).toEqual(yield* undisturbed(plan()))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("interrupted after any event, they go on to the same bytes", () =>
    Effect.gen(function* () {
      const whole = yield* undisturbed(plan())
      const { events, ...given } = armsOptions(`${folder()}/count`)
      yield* runArms(plan(), given)
      // Every seventh moment, which falls on all kinds of events.
      for (let at = 3; at < events.length; at += 7) {
        const path = `${folder()}/arms`
        let seen = 0
        let interrupt: (() => void) | undefined
        const onEvent = () => {
          if (++seen === at) interrupt?.()
        }
        const fiber = yield* Effect.forkChild(runArms(plan(), { ...armsOptions(path), onEvent }))
        interrupt = () => fiber.interruptUnsafe()
        yield* Fiber.await(fiber)
        const again = existsSync(`${path}/arms.json`)
          ? resumeArms(plan(), path, armsOptions(path))
          : runArms(plan(), armsOptions(path))
        yield* again
        expect(bytesOfArms(path), `after event ${at}`).toEqual(whole)
      }
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("go on where a process was killed before one of them had begun", () =>
    Effect.gen(function* () {
      const path = `${folder()}/arms`
      yield* runArms(plan(), armsOptions(path))
      const whole = bytesOfArms(path)
      rmSync(`${path}/arms/wordy`, { recursive: true })
      mkdirSync(`${path}/arms/wordy`)
      writeFileSync(`${path}/arms/wordy/experiment.json.tmp-4194305-1`, "{")
      expect(ends(yield* resumeArms(plan(), path, armsOptions(path)))).toEqual([
        ["brief", "done before"],
        ["wordy", "Success"],
      ])
      expect(bytesOfArms(path)).toEqual(whole)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("that are all done load no model, and are compared again", () =>
    Effect.gen(function* () {
      const path = `${folder()}/arms`
      yield* runArms(plan(), armsOptions(path))
      const before = bytesOfArms(path)
      const gone = { ...scripted(), layer: Layer.effect(LanguageModel, Effect.die("loaded")) }
      const made = yield* resumeArms(plan(), path, armsOptions(path, gone))
      expect(ends(made)).toEqual([
        ["brief", "done before"],
        ["wordy", "done before"],
      ])
      expect(bytesOfArms(path)).toEqual(before)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("stop one by one: an early one is done, one over its budget goes on under a greater one", () =>
    Effect.gen(function* () {
      const path = `${folder()}/arms`
      // Rewards of wordy answers are far below those of brief ones.
      const stopWhen = StopWhen.metric("reward").below(0.05)
      const settings = { steps: 4, stopWhen, budget: { tokens: 60 } } as const
      const made = yield* runArms(plan(settings), armsOptions(path))
      const states = made.comparison.arms.map(({ state, step }) => [state, step])
      expect(new Set(states.map(([state]) => state))).toEqual(new Set(["over budget", "stopped early"]))
      expect(made.arms.map(failureOf).filter((failure) => failure !== undefined)).toMatchObject([
        { _tag: "BudgetUsed", of: "tokens" },
      ])
      const again = yield* resumeArms(plan({ steps: 4, stopWhen }), path, armsOptions(path))
      expect(again.arms.map(failureOf)).toEqual([undefined, undefined])
      expect(bytesOfArms(path)).toEqual(yield* undisturbed(plan({ steps: 4, stopWhen })))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("are refused where they are other ones, or where one of them cannot run; then nothing is written", () =>
    Effect.gen(function* () {
      const path = `${folder()}/arms`
      yield* runArms(plan(), armsOptions(path))
      const other = contrast(experiment(), { brief: (arm) => arm.reward(brevity) })
      expect(yield* Effect.flip(resumeArms(other, path, armsOptions(path)))).toMatchObject({
        _tag: "BadInput",
        where: `${path}/arms.json`,
        found: "other arms: brief",
        expected: "those that were started: brief · wordy",
      })
      const bad = `${folder()}/bad`
      const none = plan({ heldOut: [] })
      expect(yield* Effect.flip(runArms(none, armsOptions(bad)))).toMatchObject({ _tag: "BadInput" })
      expect(existsSync(bad)).toBe(false)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  /** Arms of which one is done and the other has not begun: its folder, and what may be changed in it. */
  const halfBegun = (of: Plan = plan()) =>
    Effect.gen(function* () {
      const path = `${folder()}/arms`
      yield* runArms(of, armsOptions(path))
      rmSync(`${path}/arms/wordy`, { recursive: true })
      return path
    })
  const started = "the arms as they were started, since they are compared (or start a new run)"

  it.effect("are refused before any of them runs where one has changed, begun or not", () =>
    Effect.gen(function* () {
      const path = yield* halfBegun()
      expect(yield* refused(plan({ seed: 8 }), path)).toMatchObject({
        _tag: "BadInput",
        where: `${path}/arms.json`,
        found: "brief · wordy: a change of settings.seed: 7 → 8",
        expected: started,
      })
      expect(
        yield* refused(
          contrasted("wordier", (c) => c.text.length / 100),
          path,
        ),
      ).toMatchObject({
        found: 'wordy: a change of stages[1].options.rubric.name: "wordy" → "wordier"',
      })
      expect(
        yield* refused(
          contrasted("wordy", (c) => c.text.length / 99),
          path,
        ),
      ).toMatchObject({
        found: "wordy: other code under the same version: wordy@1.score",
      })
      expect(existsSync(`${path}/arms/wordy`)).toBe(false)
      expect(ends(yield* resumeArms(plan(), path, armsOptions(path)))).toEqual([
        ["brief", "done before"],
        ["wordy", "Success"],
      ])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("whose record has nothing but their digests are refused by those", () =>
    Effect.gen(function* () {
      const path = yield* halfBegun()
      const record = yield* ArmsFolder.readRecord(path)
      const arms = record.arms.map(({ at, digest, name }) => ({ name, at, digest }))
      yield* ArmsFolder.writeRecord(path, { ...record, arms })
      const longer = contrast(experiment(), {
        brief: (arm) => arm.reward(brevity),
        wordy: (arm) => arm.reward(Reward.make("wordier", { version: 1, score: () => 1 })),
      })
      expect(yield* refused(longer, path)).toMatchObject({
        found: expect.stringMatching(/^wordy: an experiment of digest [0-9a-f]{16}, which was [0-9a-f]{16}$/),
      })
      yield* resumeArms(plan(), path, armsOptions(path))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("one of which has gone on with a change alone are what it is now", () =>
    Effect.gen(function* () {
      const path = `${folder()}/arms`
      yield* runArms(plan(), armsOptions(path))
      const longer = plan({ steps: 4 })
      for (const { experiment: arm, name } of longer.entries) {
        const { place: _, ...given } = options(path)
        yield* bare(resume(arm, `${path}/arms/${name}`, { ...given, force: true }))
      }
      expect(yield* refused(plan(), path)).toMatchObject({ found: "brief · wordy: a change of settings.steps: 4 → 3" })
      expect(ends(yield* resumeArms(longer, path, armsOptions(path)))).toEqual([
        ["brief", "done before"],
        ["wordy", "done before"],
      ])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("are refused under another model or engine before one of them begins", () =>
    Effect.gen(function* () {
      const path = yield* halfBegun()
      const other = changed((lm) => ({ info: { ...lm.info, engine: { ...lm.info.engine, device: "cuda:0" } } }))
      expect(yield* refused(plan(), path, other)).toMatchObject({
        where: `${path}/arms/brief/experiment.json`,
        found: "script on cuda:0 in f32",
      })
      expect(existsSync(`${path}/arms/wordy`)).toBe(false)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("lose nothing that lies in the place of one that has no record", () =>
    Effect.gen(function* () {
      const path = `${folder()}/arms`
      const lost = scripted({ failures: { sample: everAfter(5, new Errors.DeviceLost({ reason: "killed" })) } })
      yield* runArms(plan(), armsOptions(path, lost))
      const record = readFileSync(`${path}/arms/wordy/experiment.json`)
      rmSync(`${path}/arms/wordy/experiment.json`)
      const before = readdirSync(`${path}/arms/wordy`)
      expect(before).toContain("checkpoints")
      expect(yield* refused(plan(), path)).toMatchObject({
        _tag: "BadInput",
        where: `${path}/arms/wordy`,
        found: "a folder that is not empty",
        expected: expect.stringMatching(/^the arm's experiment\.json, with which it goes on, or /),
      })
      expect(readdirSync(`${path}/arms/wordy`)).toEqual(before)
      renameSync(`${path}/arms/wordy`, `${path}/wordy`)
      writeFileSync(`${path}/arms/wordy`, "mine")
      expect(yield* refused(plan(), path)).toMatchObject({ where: `${path}/arms/wordy`, found: "a file" })
      expect(readFileSync(`${path}/arms/wordy`, "utf8")).toBe("mine")
      rmSync(`${path}/arms/wordy`)
      renameSync(`${path}/wordy`, `${path}/arms/wordy`)
      writeFileSync(`${path}/arms/wordy/experiment.json`, record)
      yield* resumeArms(plan(), path, armsOptions(path))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("that end before anything is saved leave no folder behind", () =>
    Effect.gen(function* () {
      const path = `${folder()}/arms`
      const gone = changed(() => ({ createAdapter: () => Effect.fail(new Errors.DeviceLost({ reason: "gone" })) }))
      yield* runArms(plan(), armsOptions(path, gone))
      expect(existsSync(path)).toBe(false)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

/** Two arms of three steps whose answers take 0.1 s and whose judge, on a server, takes 0.4 s. */
const judgedArms = (path: string, files: MemoryFiles, groups: { readonly inFlight?: number } = {}) => {
  const even = Rubric.make("even", {
    version: 1,
    criteria: [{ name: "even", ask: "Is it even?", anchors: { low: "no", high: "yes" }, weight: 1 }],
    scale: { min: 0, max: 1 },
    readOut: Rubric.yesNo(),
  })
  const of = Experiment.make("judged", {
    model: Model.nano,
    prompts: Prompts.inline(["What is 1 + 1?", "What is 2 + 2?", "What is 3 + 3?"], {
      perStep: 2,
      heldOut: ["One?"],
    }),
    memory: "1 GiB",
    steps: 3,
    seed: 7,
    ...groups,
  }).pipe(
    Sample.stage({ groupSize: 3, maxNewTokens: 24 }),
    SelfJudge.stage({ rubric: even, judge: "remote", unfinished: "judge" }),
    GroupAdvantage.stage({ scale: "group" }),
    LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo" }),
    Evaluate.stage({ tasks: [updates] }),
  )
  const both = contrast(of, { human: (arm) => arm.reward(even), reverse: (arm) => arm.reward(even.reversed()) })
  /** Adapters that are in memory, the most at a time; and how many of the model's calls were in work at once. */
  let [most, now] = [0, new Set<string>()]
  /** From the first call to the end of the last. */
  let [begin, end] = [Number.POSITIVE_INFINITY, 0]
  const seen = Effect.map(Clock.currentTimeMillis, (time) => {
    begin = Math.min(begin, time)
    end = time
  })
  const after = <A, E>(millis: number, effect: Effect.Effect<A, E>) =>
    Effect.tap(Effect.andThen(seen, Effect.delay(effect, millis)), () => seen)
  const model = changed(
    (lm) => ({
      sample: (request) => after(100, lm.sample(request)),
      loadState: (adapter, from, what) =>
        Effect.tap(lm.loadState(adapter, from, what), () =>
          Effect.sync(() => {
            now.add(adapter)
            most = Math.max(most, now.size)
          }),
        ),
      dropAdapter: (adapter) => Effect.tap(lm.dropAdapter(adapter), () => Effect.sync(() => now.delete(adapter))),
    }),
    scripted({ files }),
  )
  const server = RemoteJudge.of({
    identity: "server",
    read: (readings) =>
      after(400, Effect.succeed(readings.map((_, k) => ({ logprobs: k % 2 === 0 ? [-0.1, -2] : [-2, -0.1] })))),
  })
  const work = runArms(both, armsOptions(path, model)).pipe(
    Effect.provideService(RemoteJudge, server),
    Effect.provide(files.layer),
  )
  return Effect.map(inSimulatedTime(work), ({ value }) => ({ took: end - begin, most, ends: ends(value) }))
}

const bytesIn = (of: MemoryFiles) =>
  [...of.texts()].filter(([name]) => /metrics.jsonl|report.json|adapter|optimizer/.test(name))

describe("a judge on a server", () => {
  it.effect(
    "leaves the model to the other arm, and one adapter at a time in memory; bytes are those of each alone",
    () =>
      Effect.gen(function* () {
        const files = new MemoryFiles()
        const { ends: how, most, took } = yield* judgedArms(`${files.root}/arms`, files)
        expect(how).toEqual([
          ["human", "Success"],
          ["reverse", "Success"],
        ])
        expect(most).toBe(1)
        // One after the other they would take 2 arms × 3 steps × (100 + 400) = 3000.
        expect(took).toBe(3 * (100 + 400) + 100)
        // With one group at a time: 6000 one after the other; while one waits for its judge, the other samples.
        const narrow = new MemoryFiles()
        const one = yield* judgedArms(`${narrow.root}/arms`, narrow, { inFlight: 1 })
        expect([one.most, one.took]).toEqual([1, 3 * 2 * (100 + 400) + 100])
        expect(bytesIn(narrow)).toEqual(bytesIn(files))
      }),
  )
})
