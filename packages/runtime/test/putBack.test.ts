import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { resume, run, RunFolder } from "@hmx/runtime"
import type { ScriptedModelOptions } from "@hmx/testing"
import * as Effect from "effect/Effect"
import { Errors, Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Model, Prompts, Sample, SelfJudge, Stage } from "hmx"
import { readFileSync, writeFileSync } from "node:fs"
import { brevity, experiment, folder, options, questions, scripted, updates } from "./experiment.ts"

const oom = new Errors.OutOfMemory({ need: 4096, where: "attention" })
const nan = new Errors.NonFinite({ tensor: "layers.1.q_proj.lora_A" })
const twice = { update: { numIterations: 2 } }

/** The adapter that a checkpoint holds, and the one that its cursor names. */
const digests = (path: string, step: number) => {
  const at = RunFolder.checkpoint(path, step)
  const saved = readFileSync(`${at}/optimizer.safetensors`, "utf8").slice(8)
  return [
    JSON.parse(saved).__metadata__.digest,
    JSON.parse(readFileSync(`${at}/cursor.json`, "utf8")).policy.adapter,
  ] as const
}
/** Puts another adapter, of the same length, into a file. */
const tamper = (file: string): void =>
  writeFileSync(
    file,
    readFileSync(file, "latin1").replace(/"digest":"[0-9a-f]{16}"/, '"digest":"0123456789abcdef"'),
    "latin1",
  )
const ran = (failures: ScriptedModelOptions["failures"] = {}, steps = 3) =>
  Effect.gen(function* () {
    const path = `${folder()}/run`
    const o = options(path, scripted({ failures }))
    const outcome = yield* run(experiment({ ...twice, steps }), o)
    return { path, outcome, events: o.events }
  })

/** Two steps whose update its author lets try once more. */
const retried = (failures: ScriptedModelOptions["failures"] = {}) =>
  Effect.gen(function* () {
    const path = `${folder()}/run`
    const tried = Experiment.make("retried", {
      model: Model.nano,
      prompts: Prompts.inline(questions, { perStep: 2, heldOut: ["How are you?"] }),
      memory: "1 GiB",
      steps: 2,
      seed: 7,
    }).pipe(
      Sample.stage({ groupSize: 3, maxNewTokens: 24 }),
      SelfJudge.stage({ rubric: brevity, judge: "frozen" }),
      GroupAdvantage.stage({ scale: "group" }),
      LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo", numIterations: 2 }).pipe(Stage.retry({ times: 1 })),
      Evaluate.stage({ tasks: [updates] }),
    )
    return yield* run(tried, options(path, scripted({ failures })))
  })

describe("an update that fails in its second iteration, when the first has moved the adapter", () => {
  it.effect("not finite: dropped whole; what is saved is the old policy, and what is saved can be resumed", () =>
    Effect.gen(function* () {
      const { outcome, path } = yield* ran({ forwardBackward: { 2: nan } }, 1)
      expect(outcome.evaluations.at(-1)?.reports[0]?.policy.step).toBe(0)
      const [saved, named] = digests(path, 1)
      expect(saved).toBe(named)
      expect(named).toBe(digests(path, 0)[1])
      yield* resume(experiment({ ...twice, steps: 1 }), path, options(path))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("out of memory: done again in smaller batches on the old policy, to the same adapter", () =>
    Effect.gen(function* () {
      const plain = yield* ran()
      const tight = yield* ran({ forwardBackward: { 2: oom } })
      expect(tight.events.filter((e) => e._tag === "Noted")).toHaveLength(1)
      expect(tight.outcome.adapter).toEqual(plain.outcome.adapter)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("tried again by its author's word: retried on the old policy, to the same adapter", () =>
    Effect.gen(function* () {
      const plain = yield* retried()
      const again = yield* retried({ forwardBackward: { 2: nan } })
      expect(again.adapter).toEqual(plain.adapter)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("does not go on where the checkpoint holds another adapter than its cursor names", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      const at = RunFolder.checkpoint(path, 0)
      const o = options(path, scripted({ failures: { forwardBackward: { 2: nan } } }))
      const tampering = {
        ...o,
        onEvent: (event: (typeof o.events)[number]) => {
          if (event._tag === "StepStarted" && event.step === 1) tamper(`${at}/optimizer.safetensors`)
        },
      }
      expect(yield* Effect.flip(run(experiment(twice), tampering))).toMatchObject({
        _tag: "BadInput",
        where: at,
        found: "an adapter of digest 0123456789abcdef",
      })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
