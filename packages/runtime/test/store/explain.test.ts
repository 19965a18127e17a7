import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Questions, run, Store } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { Errors, type Experiment, Reward } from "hmx"
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { experiment, folder, options, scripted } from "../experiment.ts"
import { counting } from "./counting.ts"

const length = Reward.make("length", { version: 1, score: (c) => Math.min(1, c.text.length / 100) })

/** A store in which the experiment has run. */
const ran = () =>
  Effect.gen(function* () {
    const at = folder()
    yield* run(experiment(), { ...options(`${at}/run`), store: `${at}/store` })
    return at
  })
const explained = (at: string, of: Experiment.Any) =>
  Effect.gen(function* () {
    const { locate, model } = options(at)
    const questions = yield* Questions.load(of.settings.prompts, locate)
    const stages = yield* Store.explain(of, { store: `${at}/store`, questions, locate, model: { name: model.name } })
    return stages.map(({ cached, stage, total, why }) => ({ stage, of: `${cached}/${total}`, why }))
  })
/** What a run makes in truth. */
const makes = (at: string, of: ReturnType<typeof experiment>) =>
  Effect.map(run(of, { ...options(`${at}/then`), store: `${at}/store` }), ({ pieces }) => pieces.made)

describe("explain", () => {
  it.effect("of an experiment that has run: all is there, and running it makes nothing", () =>
    Effect.gen(function* () {
      const at = yield* ran()
      expect(yield* explained(at, experiment())).toEqual([
        { stage: "Sample", of: "6/6", why: undefined },
        { stage: "SelfJudge", of: "6/6", why: undefined },
        { stage: "GroupAdvantage", of: "6/6", why: undefined },
        { stage: "LoRAUpdate", of: "3/3", why: undefined },
        { stage: "Evaluate", of: "2/2", why: undefined },
      ])
      expect(yield* makes(at, experiment())).toBe(0)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("of another rubric: names it at SelfJudge, and what follows from it", () =>
    Effect.gen(function* () {
      const at = yield* ran()
      const stages = yield* explained(at, experiment({ reward: length }))
      expect(stages.map(({ of, stage }) => `${stage} ${of}`)).toEqual([
        "Sample 2/6",
        "SelfJudge 0/6",
        "GroupAdvantage 0/6",
        "LoRAUpdate 0/3",
        "Evaluate 1/2",
      ])
      const [sample, judge, advantage, update, evaluate] = stages.map(({ why }) => why)
      expect(judge).toMatchObject({
        _tag: "Changed",
        run: `${at}/run`,
        differences: expect.arrayContaining([{ field: "options.rubric.name", was: "brevity", now: "length" }]),
      })
      expect(advantage).toEqual({ _tag: "Follows", stage: "SelfJudge" })
      expect(update).toEqual({ _tag: "Follows", stage: "SelfJudge" })
      // Later steps are sampled by a policy that is not there yet.
      expect(sample).toEqual({ _tag: "Follows", stage: "SelfJudge" })
      expect(evaluate).toEqual({ _tag: "Follows", stage: "SelfJudge" })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("of a run that is on its way: what it has not reached yet is said to be that", () =>
    Effect.gen(function* () {
      const at = folder()
      const after = { ...experiment(), settings: { ...experiment().settings, budget: { tokens: 1 } } }
      yield* Effect.flip(run(after, { ...options(`${at}/run`), store: `${at}/store` }))
      const stages = yield* explained(at, after)
      expect(stages.map(({ of }) => of)).toEqual(["2/6", "2/6", "2/6", "1/3", "1/2"])
      const notReached = { _tag: "NotReached", run: `${at}/run`, step: 1, steps: 3 }
      expect(stages.map(({ why }) => why)).toEqual(stages.map(() => notReached))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("of more steps: what is behind is there", () =>
    Effect.gen(function* () {
      const at = yield* ran()
      const stages = yield* explained(at, experiment({ steps: 5 }))
      expect(stages.map(({ of }) => of)).toEqual(["6/10", "6/10", "6/10", "3/5", "1/2"])
      expect(stages[0]?.why).toEqual({ _tag: "New" })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("of another update: it names the option", () =>
    Effect.gen(function* () {
      const at = yield* ran()
      const stages = yield* explained(at, experiment({ update: { numIterations: 2 } }))
      expect(stages[3]?.why).toMatchObject({
        differences: [{ field: "options.numIterations", was: 1, now: 2 }],
      })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("of an adapter that training never began with", () =>
    Effect.gen(function* () {
      const at = yield* ran()
      const stages = yield* explained(at, experiment({ update: { rank: 4 } }))
      expect(stages[0]?.why).toEqual({ _tag: "Follows", stage: "LoRAUpdate" })
      expect(stages[3]?.why).toEqual({ _tag: "New" })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("of a piece that is gone, of a model that never ran, and without a store", () =>
    Effect.gen(function* () {
      const at = yield* ran()
      const samples = (yield* Store.used(`${at}/run`)).filter(({ stage }) => stage === "Sample")
      for (const { key } of samples) rmSync(`${at}/store/objects/${key.slice(0, 2)}/${key}`)
      expect((yield* explained(at, experiment()))[0]).toMatchObject({ of: "0/6", why: { _tag: "Gone" } })
      const nowhere = folder()
      expect(yield* explained(nowhere, experiment())).toContainEqual({
        stage: "Sample",
        of: "0/6",
        why: { _tag: "New" },
      })
      expect(readdirSync(nowhere)).toEqual([])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("changes nothing in the store", () =>
    Effect.gen(function* () {
      const at = yield* ran()
      const look = () =>
        readdirSync(`${at}/store`, { recursive: true }).map((name) => {
          const { mtimeMs, size } = statSync(`${at}/store/${String(name)}`)
          return [String(name), mtimeMs, size]
        })
      const before = look()
      yield* explained(at, experiment({ reward: length }))
      expect(look()).toEqual(before)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("of one whose second update was skipped: that is known as well, and ends as it did", () =>
    Effect.gen(function* () {
      const at = folder()
      const nan = new Errors.NonFinite({ tensor: "layers.0.q_proj.lora_A" })
      const first = options(`${at}/run`, scripted({ failures: { optimStep: { 2: nan } } }))
      yield* run(experiment(), { ...first, store: `${at}/store` })
      expect((yield* explained(at, experiment())).map(({ of, stage }) => `${stage} ${of}`)).toEqual([
        "Sample 6/6",
        "SelfJudge 6/6",
        "GroupAdvantage 6/6",
        "LoRAUpdate 3/3",
        "Evaluate 2/2",
      ])
      // On a model that has no such fault, the second run takes what the first one found.
      const { calls, loadable } = counting()
      const second = options(`${at}/then`, loadable)
      const outcome = yield* run(experiment(), { ...second, store: `${at}/store` })
      expect([outcome.pieces.made, calls().forwardBackward]).toEqual([0, 0])
      const [was, is] = [first, second].map(({ events }) => events.flatMap((e) => (e._tag === "Noted" ? [e.text] : [])))
      expect(is).toEqual(was)
      expect(is).toEqual(["LoRAUpdate: layers.0.q_proj.lora_A is not finite; no update in this step (1 in a row)"])
      for (const file of [
        "metrics.jsonl",
        "report.json",
        "checkpoints/step-2/cursor.json",
        "checkpoints/step-3/cursor.json",
      ])
        expect(readFileSync(`${at}/then/${file}`, "utf8")).toBe(readFileSync(`${at}/run/${file}`, "utf8"))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
