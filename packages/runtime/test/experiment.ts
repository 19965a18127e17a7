/** A small experiment for the tests of runs: a scripted model that is rewarded for few words. */
import { ScriptedModel, type ScriptedModelOptions } from "@hmx/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
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
  type Settings,
  Step,
  type StopWhen,
  type Task,
} from "hmx"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { resolve } from "node:path"
import { afterAll } from "vitest"
import type { Event, Loadable } from "@hmx/runtime"

export const brevity = Reward.make("brevity", { version: 1, score: (c) => 1 / (1 + c.text.length) })

/** Measures how many updates the policy has had. */
export const updates: Task.Task<"held-out"> = {
  kind: "held-out",
  name: "updates",
  version: 1,
  options: {},
  run: Effect.gen(function* () {
    const { policy } = yield* Step
    return {
      measures: [{ task: "updates", metric: "count", value: policy.step, stderr: 0.5, n: 4, higherIsBetter: true }],
      answers: [{ question: "How are you?", answer: `after ${policy.step} updates` }],
    }
  }),
}

export const questions = Array.from({ length: 8 }, (_, i) => `What is ${i} + ${i}?`)

/** Three steps of two groups of three; measured before and after. */
export const experiment = ({
  reward = brevity,
  heldOut = ["How are you?"],
  update = {},
  tasks = [updates],
  perStep = 2,
  groupSize = 3,
  ...settings
}: {
  readonly steps?: number
  readonly seed?: number
  readonly memory?: Settings.Memory
  readonly stopWhen?: StopWhen.Condition
  readonly budget?: Settings.Budget
  readonly inFlight?: number
  readonly perStep?: number
  readonly groupSize?: number
  readonly reward?: Reward.Reward
  readonly tasks?: ReadonlyArray<Task.Task>
  readonly heldOut?: ReadonlyArray<string>
  readonly update?: { readonly numIterations?: number; readonly microBatchGroups?: number; readonly rank?: number }
} = {}) =>
  Experiment.make("brief", {
    model: Model.nano,
    prompts: Prompts.inline(questions, { perStep, heldOut }),
    memory: "1 GiB",
    steps: 3,
    seed: 7,
    ...settings,
  }).pipe(
    Sample.stage({ groupSize, maxNewTokens: 24, temperature: 0.8 }),
    SelfJudge.stage({ rubric: reward, judge: "frozen" }),
    GroupAdvantage.stage({ scale: "group" }),
    LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo", ...update }),
    Evaluate.stage({ tasks }),
  )

/** A scripted model as the runtime loads one. */
export const scripted = (options: ScriptedModelOptions = {}): Loadable => {
  const layer = ScriptedModel.layer(options)
  const { info } = Effect.runSync(Effect.provide(Effect.service(LanguageModel), layer))
  return { name: info.name, shape: info.shape, layer: Layer.fresh(layer) }
}

const folders: Array<string> = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** An empty folder that goes when the file's tests are done. */
export const folder = (): string => {
  const made = mkdtempSync(`${tmpdir()}/hmx-run-`)
  folders.push(made)
  return made
}

/** Options of a new run in `path`; its events are collected in `events`. */
export const options = (path: string, model: Loadable = scripted()) => {
  const events: Array<Event> = []
  return {
    events,
    model,
    place: { path },
    locate: (file: string | URL) => ({ path: resolve(path, String(file)), name: String(file) }),
    source: {},
    versions: {},
    onEvent: (event: Event) => void events.push(event),
  }
}
