import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { run, RunFolder } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { Reward, type Task } from "hmx"
import { experiment, folder, options, scripted, updates } from "./experiment.ts"

const notes = (o: ReturnType<typeof options>) => o.events.flatMap((e) => (e._tag === "Noted" ? [e.text] : []))

/** A task whose figures are as given. */
const figures = (...measured: ReadonlyArray<{ metric: string; value: number; stderr: number; n: number }>) =>
  ({
    kind: "benchmark",
    name: "figures",
    version: 1,
    options: {},
    run: Effect.succeed({
      measures: measured.map((m) => ({ task: "figures", higherIsBetter: true, ...m })),
      answers: [],
    }),
  }) satisfies Task.Task

describe("figures of nothing", () => {
  it.effect("are left out of the report, with a note that names them, and the run ends well", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      const o = options(path)
      const none = figures(
        { metric: "kept", value: 0.5, stderr: 0, n: 2 },
        { metric: "empty", value: 0, stderr: 0, n: 0 },
        { metric: "nan", value: Number.NaN, stderr: 0, n: 3 },
        { metric: "spread", value: 1, stderr: Number.POSITIVE_INFINITY, n: 1 },
      )
      const outcome = yield* run(experiment({ steps: 1, tasks: [updates, none] }), o)
      expect(outcome.evaluations.map((e) => e.reports[0]?.measures.map((m) => m.metric))).toEqual([
        ["count", "kept"],
        ["count", "kept"],
      ])
      expect(yield* RunFolder.readResult(path)).toMatchObject({ evaluations: [{ step: 0 }, { step: 1 }] })
      const left =
        "left out of the report, for lack of a figure: figures empty (n = 0), figures nan (n = 3), figures spread (n = 1)"
      expect(notes(o)).toEqual([left, left])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

/** A reward that throws at some answers. */
const moody = (bad: (text: string) => boolean) =>
  Reward.make("moody", {
    version: 1,
    score: (c) => {
      if (bad(c.text)) throw new Error("no\nmood today")
      return 1 / (1 + c.text.length)
    },
  })

describe("answers without a verdict", () => {
  it.effect("are counted in one note a step, with the first reason", () =>
    Effect.gen(function* () {
      const o = options(`${folder()}/run`, scripted({ answer: ({ completion }) => "ab".repeat(completion) }))
      yield* run(experiment({ steps: 2, reward: moody((text) => text === "") }), o)
      expect(notes(o)).toEqual(
        [1, 2].map(() => expect.stringMatching(/^2 of 6 answers have no verdict: .*no mood today/)),
      )
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("in a step without any verdict: said as it is, without figures of nothing", () =>
    Effect.gen(function* () {
      const o = options(`${folder()}/run`, scripted({ answer: () => "no" }))
      const never = experiment({ steps: 20, reward: moody(() => true) })
      expect(yield* Effect.flip(run(never, o))).toMatchObject({
        _tag: "RunFailed",
        error: "NoSignal",
        reason: "no signal: no answer has a verdict",
      })
      expect(notes(o)[0]).toContain("6 of 6 answers have no verdict: ")
      expect(notes(o)[1]).toBe("LoRAUpdate: no signal: no answer has a verdict; no update in this step (1 in a row)")
      expect(notes(o).join("\n")).not.toContain("NaN")
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

const short = (context: number) => options(`${folder()}/run`, scripted({ shape: { context } }))

describe("before a weight is read", () => {
  it.effect("a task on held-out prompts is refused where there are none", () =>
    Effect.gen(function* () {
      const path = folder()
      const o = options(`${path}/run`)
      const none = experiment({ heldOut: [] })
      expect((yield* Effect.flip(run(none, o))).message).toBe(
        "prompts.heldOut: found no held-out prompts; expected at least one for updates (the option heldOut)",
      )
      yield* run(experiment({ heldOut: [], steps: 1, tasks: [figures()] }), o)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("an answer as long as the model's context is refused, whoever asks for it", () =>
    Effect.gen(function* () {
      expect((yield* Effect.flip(run(experiment(), short(24)))).message).toBe(
        "Sample: maxNewTokens: found 24; expected less than the model's context of 24 tokens, which prompt and answer share",
      )
      const asking = { ...updates, options: { maxNewTokens: 32 } }
      expect((yield* Effect.flip(run(experiment({ tasks: [asking] }), short(32)))).message).toContain(
        "updates: maxNewTokens: found 32",
      )
      yield* run(experiment({ steps: 1 }), short(25))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
