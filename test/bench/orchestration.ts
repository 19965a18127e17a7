/**
 * What the runtime costs beside the work. A fake model answers after a fixed time, whatever is asked and however much at once; so
 * the ideal time of a run is known: groups / in flight × (time to sample + time to judge), with what this machine's timers are late. Prints one JSON line: times, the cost of a
 * stage (wall and processor time beyond the ideal), and the heap after each step, collected. Then two lines: of ten steps of
 * `pipelines/reverse.ts` on nano, without a store and with one, the time in which the model was asked nothing, from its loading to the
 * run's end: once a run (its start, its evaluations, its end), and a step. By the clock, which counts; and of the main thread's processor time
 * meanwhile, beside all that the process took, which other work on the machine changes less.
 *
 *   node --expose-gc test/bench/orchestration.ts [--groups 10000] [--in-flight 32] [--latency 100] [--steps 5]
 *
 * Exit 1 where the run takes more than 5 % over the ideal, a stage more than 1 ms, or the heap grows by more than a tenth from the second
 * step to the last one, or where more than 1 % of the run on nano is the runtime's.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { LocalLanguageModel, shapeOf } from "@hmx/lm"
import { checkpoint } from "@hmx/nano"
import { run } from "@hmx/runtime"
import { ScriptedModel } from "@hmx/testing"
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
  Rubric,
  Sample,
  SelfJudge,
  type Task,
} from "hmx"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Worker } from "node:worker_threads"
import reverse from "../../pipelines/reverse.ts"

const { values } = parseArgs({
  options: {
    groups: { type: "string", default: "10000" },
    "in-flight": { type: "string", default: "32" },
    latency: { type: "string", default: "100" },
    steps: { type: "string", default: "5" },
  },
})
const [groups, inFlight, latency, steps] = [values.groups, values["in-flight"], values.latency, values.steps].map(
  Number,
)
if (groups === undefined || inFlight === undefined || latency === undefined || steps === undefined)
  throw new Error("unread")
const perStep = groups / steps

const rubric = Rubric.make("even", {
  version: 1,
  criteria: [{ name: "even", ask: "Is it even?", anchors: { low: "no", high: "yes" }, weight: 1 }],
  scale: { min: 0, max: 1 },
  readOut: Rubric.yesNo(),
})
/** Nothing is measured here: an experiment that trains has to measure. */
const nothing: Task.Task<"held-out"> = {
  kind: "held-out",
  name: "nothing",
  version: 1,
  options: {},
  run: Effect.succeed({
    measures: [{ task: "nothing", metric: "n", value: 0, stderr: 1, n: 1, higherIsBetter: true }],
    answers: [],
  }),
}
const questions = Array.from({ length: perStep }, (_, i) => `What is ${i} + ${i}?`)
const experiment = Experiment.make("orchestration", {
  model: Model.nano,
  prompts: Prompts.inline(questions, { perStep, heldOut: ["What is one?"] }),
  memory: "1024 GiB",
  steps,
  seed: 1,
  inFlight,
}).pipe(
  Sample.stage({ groupSize: 4, maxNewTokens: 16 }),
  SelfJudge.stage({ rubric, judge: "frozen" }),
  GroupAdvantage.stage({ scale: "group" }),
  LoRAUpdate.stage({ rank: 2, learningRate: 1e-3, loss: "dapo" }),
  Evaluate.stage({ tasks: [nothing], when: ["after"] }),
)

const later = <A>(answer: () => A) => Effect.andThen(Effect.sleep(latency), Effect.sync(answer))

/** Answers after a fixed time, and remembers nothing: what the heap holds is the runtime's. Only adapters are the scripted model's. */
const layer = Layer.effect(
  LanguageModel,
  Effect.map(Effect.service(LanguageModel), (scripted): (typeof LanguageModel)["Service"] => {
    const tokens = Array.from({ length: 16 }, (_, i) => 32 + i)
    return {
      ...scripted,
      encodeChat: (chats) => Effect.succeed(chats.map(() => tokens)),
      encode: (texts) => Effect.succeed(texts.map(() => [40])),
      decode: (all) => Effect.succeed(all.map(() => "an answer")),
      sample: ({ n }) =>
        later(() =>
          Array.from({ length: n }, () => ({ tokens, logprobs: tokens.map(() => -1), finish: "stop" as const })),
        ),
      choices: (requests) =>
        later(() =>
          requests.map(({ continuations }, i) => ({ logprobs: continuations.map((_, k) => (i % 3) - k - 2) })),
        ),
    }
  }),
).pipe(Layer.provide(ScriptedModel.layer()))
const { info } = Effect.runSync(Effect.provide(Effect.service(LanguageModel), layer))
const folder = mkdtempSync(join(tmpdir(), "hmx-orchestration-"))
const collect = globalThis.gc
if (collect === undefined) throw new Error("the heap is measured collected: run node with --expose-gc")
/** How late this machine's timers are meanwhile, in a thread that does nothing else: other work on it is not the runtime's. */
const clock = new Worker(
  `const { parentPort, workerData } = require("node:worker_threads")
   let [late, n, last] = [0, 0, performance.now()]
   const tick = () => {
     const now = performance.now()
     late += now - last - workerData
     n++
     last = now
     setTimeout(tick, workerData)
   }
   setTimeout(tick, workerData)
   parentPort.once("message", () => { parentPort.postMessage(late / n); process.exit() })`,
  { eval: true, workerData: latency },
)
const lateness = (): Promise<number> =>
  new Promise((tell) => {
    clock.once("message", tell)
    clock.postMessage("how late", [])
  })
const heaps: Array<number> = []
const start = performance.now()
const before = process.cpuUsage()
try {
  await Effect.runPromise(
    run(experiment, {
      model: { name: "fake", shape: info.shape, layer: Layer.fresh(layer) },
      locate: (file) => ({ path: String(file), name: String(file) }),
      place: { path: join(folder, "run") },
      source: {},
      versions: {},
      onEvent: (event) => {
        if (event._tag !== "StepFinished") return
        collect()
        heaps.push(process.memoryUsage().heapUsed)
      },
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
const seconds = (performance.now() - start) / 1000
const { system, user } = process.cpuUsage(before)
const timersLate = await lateness()
const ideal = (steps * Math.ceil(perStep / inFlight) * 2 * (latency + timersLate)) / 1000
const stages = groups * 3 + steps
const made = {
  groups,
  inFlight,
  latencyMs: latency,
  timersLateMs: timersLate,
  seconds,
  idealSeconds: ideal,
  overIdeal: seconds / ideal - 1,
  processorMsAStage: (user + system) / 1000 / stages,
  wallMsAStage: ((seconds - ideal) * 1000) / stages,
  heapMiB: heaps.map((heap) => Number((heap / 2 ** 20).toFixed(1))),
}
process.stdout.write(`${JSON.stringify(made)}\n`)

/** Processor time of this thread, in ms. */
const busy = (): number => {
  const used = process.threadCpuUsage()
  return (used.user + used.system) / 1000
}

/** A model with clocks that run while nothing is asked of it; `idle` is what the clock says now and `idleBusy` this thread's, in ms. */
const watched = () => {
  let [asked, idle, since] = [0, 0, performance.now()]
  let [idleBusy, busySince] = [0, busy()]
  const during = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        if (asked++ > 0) return
        idle += performance.now() - since
        idleBusy += busy() - busySince
      }),
      () => effect,
      () =>
        Effect.sync(() => {
          if (--asked > 0) return
          since = performance.now()
          busySince = busy()
        }),
    )
  const local = LocalLanguageModel.layer({
    checkpointFolder: fileURLToPath(checkpoint),
    engineModule: import.meta.resolve("@hmx/engine-tfjs"),
  })
  const asking = Effect.map(Effect.service(LanguageModel), (lm): (typeof LanguageModel)["Service"] => {
    // Loading is the model's time.
    since = performance.now()
    busySince = busy()
    return {
      info: lm.info,
      encodeChat: (chats) => during(lm.encodeChat(chats)),
      encode: (texts) => during(lm.encode(texts)),
      decode: (tokens) => during(lm.decode(tokens)),
      sample: (request) => during(lm.sample(request)),
      logprobs: (requests) => during(lm.logprobs(requests)),
      choices: (requests) => during(lm.choices(requests)),
      forwardBackward: (request) => during(lm.forwardBackward(request)),
      optimStep: (request) => during(lm.optimStep(request)),
      zeroGrad: (adapter) => during(lm.zeroGrad(adapter)),
      offload: (adapter) => during(lm.offload(adapter)),
      createAdapter: (adapter, options, seed) => during(lm.createAdapter(adapter, options, seed)),
      dropAdapter: (adapter) => during(lm.dropAdapter(adapter)),
      saveState: (adapter, to, what) => during(lm.saveState(adapter, to, what)),
      loadState: (adapter, from, what) => during(lm.loadState(adapter, from, what)),
      memory: (options) => during(lm.memory(options)),
    }
  })
  const now = () => idle + (asked === 0 ? performance.now() - since : 0)
  const nowBusy = () => idleBusy + (asked === 0 ? busy() - busySince : 0)
  return { layer: Layer.effect(LanguageModel, asking).pipe(Layer.provide(local)), idle: now, idleBusy: nowBusy }
}

const pipelines = fileURLToPath(new URL("../../pipelines/", import.meta.url))
const nanoSteps = 10
/** A run on nano, with a store of its own or without: what of it is the runtime's. */
const onNano = async (store: boolean) => {
  const other = mkdtempSync(join(tmpdir(), "hmx-orchestration-"))
  const { idle, idleBusy, layer: nano } = watched()
  const used = process.cpuUsage()
  /** Of the clock, where the first step begins and where the last one has ended. */
  let [begun, stepped] = [0, 0]
  try {
    const { seconds: took } = await Effect.runPromise(
      Effect.flatMap(shapeOf(fileURLToPath(checkpoint)), (shape) =>
        run(
          { ...reverse, settings: { ...reverse.settings, steps: nanoSteps } },
          {
            model: { name: "nano", shape, layer: nano },
            locate: (file) => {
              const path = String(file).startsWith("file:") ? fileURLToPath(file) : join(pipelines, String(file))
              return { path, name: path }
            },
            place: { path: join(other, "run") },
            source: {},
            versions: {},
            store: store ? join(other, "store") : undefined,
            onEvent: (event) => {
              if (event._tag === "StepStarted" && event.step === 1) begun = idle()
              if (event._tag === "StepFinished" && event.step === nanoSteps) stepped = idle()
            },
          },
        ),
      ).pipe(Effect.provide(NodeFileSystem.layer)),
    )
    const outsideMs = idle()
    const perStepMs = (stepped - begun) / nanoSteps
    const share = outsideMs / 1000 / took
    const all = process.cpuUsage(used)
    return {
      store,
      seconds: took,
      outsideSeconds: outsideMs / 1000,
      share,
      outsideProcessorSeconds: idleBusy() / 1000,
      processorShare: (idleBusy() * 1000) / (all.user + all.system),
      onceMs: outsideMs - (stepped - begun),
      perStepMs,
    }
  } finally {
    rmSync(other, { recursive: true, force: true })
  }
}
for (const store of [false, true]) {
  const nano = await onNano(store)
  process.stdout.write(`${JSON.stringify({ nano })}\n`)
  if (nano.share > 0.01) process.exitCode = 1
}
const [, second, last] = [heaps[0], heaps[1], heaps.at(-1)]
const grown = second !== undefined && last !== undefined && last > 1.1 * second
if (made.overIdeal > 0.05 || made.wallMsAStage > 1 || grown) process.exitCode = 1
