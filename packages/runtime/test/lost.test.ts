import { describe, expect, it } from "@effect/vitest"
import { type Loadable, resume, run, runArms } from "@hmx/runtime"
import { everAfter, MemoryFiles, once, type ScriptedModelOptions } from "@hmx/testing"
import * as Effect from "effect/Effect"
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
  Prompts,
  Reward,
  Sample,
  SelfJudge,
  Stage,
} from "hmx"
import { brevity, experiment, options, questions, scripted, updates } from "./experiment.ts"

const lost = new Errors.DeviceLost({ reason: "killed" })

const root = new MemoryFiles().root
/** A disk in memory, where runs go. */
const disk = () => {
  const files = new MemoryFiles()
  /** What lies under a path that must not depend on how it came about. */
  const remains = (path: string) =>
    [...files.texts()]
      .filter(([name]) => `${root}/${name}`.startsWith(path) && !/(events|objects)\.jsonl$/.test(name))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return { files, remains }
}

/** The model, and in order when it was loaded and given back. */
const watched = (files: MemoryFiles, failures: ScriptedModelOptions["failures"] = {}) => {
  const deeds: Array<"loaded" | "given back"> = []
  const model = scripted({ failures, files })
  const layer = Layer.effect(
    LanguageModel,
    Effect.gen(function* () {
      yield* Effect.acquireRelease(
        Effect.sync(() => deeds.push("loaded")),
        () => Effect.sync(() => deeds.push("given back")),
      )
      return yield* LanguageModel
    }),
  )
  const loadable: Loadable = { ...model, layer: Layer.provide(layer, model.layer) }
  return { deeds, loadable }
}

const at = `${root}/run`
/** What a run leaves that nothing disturbed. */
const whole = (store?: string) => {
  const { files, remains } = disk()
  const given = { ...options(at, scripted({ files })), store }
  return Effect.as(run(experiment(), given), remains).pipe(
    Effect.provide(files.layer),
    Effect.map((of) => of(at)),
  )
}

describe("a device that is lost", () => {
  // Calls of the undisturbed run: 6 of sample, 3 of optimStep, 4 of saveState …
  it.effect.each([
    ["createAdapter", [1]],
    ["encodeChat", [1, 4]],
    ["sample", [1, 2, 3, 4, 5, 6]],
    ["decode", [3]],
    ["forwardBackward", [1, 2, 3]],
    ["optimStep", [1, 2, 3]],
    ["saveState", [1, 2, 3, 4]],
    ["memory", [1, 2, 3, 4, 5]],
  ] as const)("once, in any call of %s: the model is loaded again, and the bytes are the same", ([method, calls]) =>
    Effect.gen(function* () {
      for (const store of [undefined, `${root}/store`]) {
        const plain = yield* whole(store)
        for (const call of calls) {
          const { files, remains } = disk()
          const { deeds, loadable } = watched(files, { [method]: once(call, lost) })
          const o = { ...options(at, loadable), store }
          const outcome = yield* Effect.provide(run(experiment(), o), files.layer)
          expect(remains(at)).toEqual(plain)
          // Of both sessions together: 6 groups sampled and judged, 3 updates, 2 evaluations.
          expect(outcome.doneBefore).toBe(0)
          if (store !== undefined) expect(outcome.pieces.made).toBeGreaterThanOrEqual(17)
          expect(deeds).toEqual(["loaded", "given back", "loaded", "given back"])
          expect(o.events.filter((e) => e._tag === "Stopped" || e._tag === "Noted")).toEqual([
            expect.objectContaining({
              _tag: "Noted",
              text: expect.stringMatching(
                /^the model's worker is gone: killed; it is loaded again, and the run goes on after step \d$/,
              ),
            }),
          ])
          expect(o.events.filter((e) => e._tag === "Started")).toHaveLength(1)
        }
      }
    }),
  )

  it.effect("a second time fails the run, says how it goes on, and it does", () =>
    Effect.gen(function* () {
      const { files, remains } = disk()
      const o = options(at, scripted({ files, failures: { forwardBackward: everAfter(2, lost) } }))
      const error = yield* Effect.flip(Effect.provide(run(experiment(), o), files.layer))
      expect(error).toMatchObject({ _tag: "RunFailed", error: "DeviceLost", step: 2, stage: "LoRAUpdate" })
      expect(error.message).toContain("it had been loaded again once; `hmx resume` goes on")
      expect(o.events.at(-1)).toMatchObject({ _tag: "Stopped", by: "failure", step: 1 })
      yield* Effect.provide(resume(experiment(), at, options(at, scripted({ files }))), files.layer)
      expect(remains(at)).toEqual(yield* whole())
    }),
  )

  it.effect("and whose model cannot be loaded again fails the run with both reasons", () =>
    Effect.gen(function* () {
      const { files } = disk()
      const model = scripted({ files, failures: { sample: once(4, lost) } })
      let loads = 0
      const gone = new Errors.BadInput({ where: "model", found: "nothing", expected: "a model" })
      const layer = Layer.effect(
        LanguageModel,
        Effect.suspend(() => (++loads > 1 ? Effect.fail(gone) : Effect.service(LanguageModel))),
      )
      const broken: Loadable<Errors.BadInput> = { ...model, layer: Layer.provide(layer, model.layer) }
      const error = yield* Effect.flip(
        Effect.provide(run(experiment(), { ...options(at), model: broken }), files.layer),
      )
      expect(error.message).toBe(
        "Sample failed in step 2: the model's worker is gone: killed; it could not be loaded again: model: found nothing; expected a model",
      )
    }),
  )

  it.effect("ends the run as it is where the stage's author says so", () =>
    Effect.gen(function* () {
      const { files } = disk()
      const { deeds, loadable } = watched(files, { sample: once(1, lost) })
      const stopping = Experiment.make("stops", {
        model: Model.nano,
        prompts: Prompts.inline(questions, { perStep: 2, heldOut: ["How are you?"] }),
        memory: "1 GiB",
        steps: 1,
        seed: 7,
      }).pipe(
        Sample.stage({ groupSize: 3, maxNewTokens: 24 }).pipe(Stage.stop("DeviceLost")),
        SelfJudge.stage({ rubric: brevity, judge: "frozen" }),
        GroupAdvantage.stage({ scale: "group" }),
        LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo" }),
        Evaluate.stage({ tasks: [updates] }),
      )
      const ended = Effect.flip(Effect.provide(run(stopping, options(at, loadable)), files.layer))
      expect(yield* ended).toBeInstanceOf(Errors.DeviceLost)
      expect(deeds).toEqual(["loaded", "given back"])
    }),
  )

  it.effect("under several arms is loaded again once for all of them, and their bytes are the same", () =>
    Effect.gen(function* () {
      const wordy = Reward.make("wordy", { version: 1, score: (c) => c.text.length / 100 })
      const plan = contrast(experiment(), { brief: (arm) => arm.reward(brevity), wordy: (arm) => arm.reward(wordy) })
      const arms = (files: MemoryFiles, model: Loadable) =>
        Effect.provide(runArms(plan, { ...options(at, model), onEvent: () => {}, source: () => ({}) }), files.layer)
      const plain = disk()
      yield* arms(plain.files, scripted({ files: plain.files }))
      for (const call of [1, 2, 5, 8, 12]) {
        const { files, remains } = disk()
        const { deeds, loadable } = watched(files, dead(call))
        const made = yield* arms(files, loadable)
        expect(made.arms.map(({ end }) => end === "done before" || end._tag)).toEqual(["Success", "Success"])
        expect(deeds).toEqual(["loaded", "given back", "loaded", "given back"])
        expect(remains(at)).toEqual(plain.remains(at))
      }
    }),
  )
})

/** From the n-th call of `sample` on nothing of this model answers; one that is loaded again does. */
const dead = (n: number): ScriptedModelOptions["failures"] => {
  let [calls, gone] = [0, false]
  const other = () => (gone ? lost : undefined)
  return {
    // A model that is loaded anew counts from 1.
    createAdapter: (call) => (call === 1 && calls > 0 ? undefined : other()),
    sample: () => {
      calls++
      if (calls === n) gone = true
      return calls === n ? lost : undefined
    },
  }
}
