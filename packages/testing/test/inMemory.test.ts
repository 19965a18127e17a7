import * as Effect from "effect/Effect"
import {
  Errors,
  Evaluate,
  Experiment,
  GroupAdvantage,
  LanguageModel,
  LoRAUpdate,
  Model,
  Prompts,
  Reward,
  Sample,
  SelfJudge,
  Step,
  type Task,
} from "hmx"
import { existsSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { every, inMemory, inSimulatedTime, metered, SimulatedModel, sometimes } from "../src/index.ts"

const brevity = Reward.make("brevity", { version: 1, score: (c) => 1 / (1 + c.text.length) })

const updates: Task.Task<"held-out"> = {
  kind: "held-out",
  name: "updates",
  version: 1,
  options: {},
  run: Effect.map(Effect.service(Step), ({ policy }) => ({
    measures: [{ task: "updates", metric: "count", value: policy.step, stderr: 0, n: 1, higherIsBetter: true }],
    answers: [],
  })),
}

const brief = Experiment.make("brief", {
  model: Model.nano,
  prompts: Prompts.inline(["How are you?", "What is it?", "Who are you?", "Why?"], { perStep: 2, heldOut: ["Where?"] }),
  memory: "1 GiB",
  steps: 3,
  seed: 7,
}).pipe(
  Sample.stage({ groupSize: 3, maxNewTokens: 24 }),
  SelfJudge.stage({ rubric: brevity, judge: "frozen" }),
  GroupAdvantage.stage({ scale: "group" }),
  LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo" }),
  Evaluate.stage({ tasks: [updates] }),
)

/** Learns to be brief: after an update it says less. */
const answer = ({ completion, updates }: { readonly completion: number; readonly updates: number }) =>
  "no ".repeat(updates > 1 ? 1 + completion : 4 + completion).trim()

const asked = (n: number) =>
  Effect.flatMap(LanguageModel, (lm) =>
    lm.sample({ prompt: [1], n, params: { maxNewTokens: 100 }, key: { seed: 1, step: 1, prompt: 0 }, by: "base" }),
  )

describe("inMemory", () => {
  it("runs a whole experiment and writes nothing to the disk", async () => {
    const { events, files, metrics, outcome } = await Effect.runPromise(inMemory(brief, { script: { answer } }))
    expect(outcome.evaluations.map(({ step }) => step)).toEqual([0, 3])
    expect(metrics).toHaveLength(3)
    expect(metrics[2]?.["reward"]).toBeGreaterThan(metrics[0]?.["reward"] ?? 1)
    expect([...files.keys()]).toEqual(
      expect.arrayContaining(["report.json", "metrics.jsonl", "checkpoints/step-3/adapter_model.safetensors"]),
    )
    expect(events.at(-1)?._tag).toBe("Finished")
    expect(existsSync("/in-memory")).toBe(false)
  })

  it("is the same run every time", async () => {
    const twice = inMemory(brief, { script: { answer } })
    const [a, b] = [await Effect.runPromise(twice), await Effect.runPromise(twice)]
    const lasting = ({ files }: typeof a) => [...files].filter(([path]) => path !== "events.jsonl")
    expect(lasting(b)).toEqual(lasting(a))
  })

  it("what fails now and then is answered as the runtime answers it", async () => {
    const oom = new Errors.OutOfMemory({ need: 1, where: "attention" })
    const { events, outcome } = await Effect.runPromise(
      inMemory(brief, { script: { answer, failures: { forwardBackward: { 1: oom } } } }),
    )
    expect(events.some((event) => event._tag === "Noted" && event.text.includes("out of memory"))).toBe(true)
    expect(outcome.steps).toBe(3)
  })

  it("what a stage's author lets stop the run is a typed failure", async () => {
    const lost = new Errors.DeviceLost({ reason: "gone" })
    const failed = await Effect.runPromise(
      Effect.flip(inMemory(brief, { script: { failures: { sample: { 2: lost } } } })),
    )
    expect(failed).toMatchObject({ _tag: "RunFailed", error: "DeviceLost" })
  })
})

describe("a simulated device", () => {
  const device = { prefill: 1000, decode: 24, train: 500 }

  it("takes its time on the clock and none on the wall", async () => {
    const { millis, value } = await Effect.runPromise(inSimulatedTime(inMemory(brief, { device, script: { answer } })))
    // Each of three steps decodes 24 tokens at 24 a second, and does more beside it.
    expect(millis).toBeGreaterThan(3000)
    expect(millis).toBeLessThan(20_000)
    const seconds = value.events.flatMap((event) => (event._tag === "StepFinished" ? [event.seconds] : []))
    expect(seconds.every((s) => s >= 1)).toBe(true)
  })

  it("runs out of memory where a batch does not fit", async () => {
    const layer = SimulatedModel.layer({ device: { ...device, memory: 5_000_000 } })
    const found = await Effect.runPromise(
      inSimulatedTime(
        Effect.gen(function* () {
          const fits = yield* metered(asked(2))
          const failed = yield* Effect.flip(asked(100_000))
          return { fits, failed, after: (yield* (yield* LanguageModel).memory()).live }
        }).pipe(Effect.provide(layer)),
      ),
    )
    expect(found.value.failed).toMatchObject({ _tag: "OutOfMemory", where: "cache" })
    expect(found.value.fits.peak).toBeGreaterThan(found.value.fits.before.live)
    expect(found.value.fits.leaked).toBe(0)
    expect(found.value.after).toBe(found.value.fits.before.live)
    // 1 token read at 1,000 a second, 100 written at 24 a second.
    expect(found.millis).toBeCloseTo(1 + (100 / 24) * 1000, 0)
  })
})

describe("faults", () => {
  it("come at every n-th call, or for a share of them that the seed sets", () => {
    const calls = Array.from({ length: 1000 }, (_, i) => i + 1)
    expect(calls.slice(0, 6).map(every(3, "x"))).toEqual([undefined, undefined, "x", undefined, undefined, "x"])
    const hits = (seed: number) => calls.filter((call) => sometimes(0.2, "x", seed)(call) === "x")
    expect(hits(1).length).toBeGreaterThan(150)
    expect(hits(1).length).toBeLessThan(250)
    expect(hits(1)).toEqual(hits(1))
    expect(hits(1)).not.toEqual(hits(2))
  })
})

it("simulated time jumps over what waits, however long", async () => {
  const { millis, value } = await Effect.runPromise(
    inSimulatedTime(Effect.as(Effect.andThen(Effect.sleep("90 minutes"), Effect.sleep("5 seconds")), "done")),
  )
  expect([millis, value]).toEqual([5_405_000, "done"])
})
