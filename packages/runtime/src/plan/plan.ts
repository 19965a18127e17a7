/** Plans an experiment: what it holds, asks, takes and finds in the store, before it runs. Reads no weights, writes nothing. */
import * as Effect from "effect/Effect"
import { Evaluate, type Experiment, type Stage } from "hmx"
import { checked } from "../check.ts"
import type { Locate } from "../dataService.ts"
import { identify } from "../identify.ts"
import { isEvaluate, measures } from "../measuring.ts"
import * as Memory from "../Memory.ts"
import type { Loadable } from "../run.ts"
import { explain } from "../store/explain.ts"
import type { Planned, PlannedStage, Tokens } from "./Planned.ts"
import { planMemory } from "./planMemory.ts"
import { probed, type Speed } from "./probed.ts"
import { rates, secondsOf } from "./rates.ts"
import type { Rehearsed } from "./rehearse.ts"
import type { Place } from "./Remembered.ts"
import { smallest } from "./smallest.ts"
import { unreserved, unreservedText } from "./unreserved.ts"
import { why } from "./why.ts"

export interface PlanOptions {
  readonly model: Pick<Loadable<unknown>, "name" | "shape" | "tokenizer" | "speed">
  readonly locate: Locate
  /** Folder of the store, whose runs also say how fast this machine is. Default: none. */
  readonly store?: string | undefined
  /** Where what benchmarks came to is remembered from plan to plan. Default: nowhere. */
  readonly remembered?: Place | undefined
  /** How a run's folder is called. Default: as it is. */
  readonly shown?: (folder: string) => string
}

/** How often a stage runs in the whole experiment, all groups of a step as one time. */
const timesOf = (stage: Stage.Any, steps: number): number =>
  isEvaluate(stage)
    ? Array.from({ length: steps + 1 }, (_, step) => step).filter((step) => Evaluate.due(stage.options, step, steps))
        .length
    : steps

/** What stands behind a part, in words. */
const reasons = (experiment: Experiment.Any, promptTokens: number): { readonly [part: string]: string } => {
  const option = (name: string) =>
    experiment.stages
      .flatMap(({ options }) => Object.entries(options).flatMap(([key, v]) => (key === name ? [v] : [])))
      .at(0)
  const { prompts } = experiment.settings
  const [groupSize, newTokens] = [Number(option("groupSize") ?? 1), Number(option("maxNewTokens") ?? 0)]
  const answers = prompts.perStep * groupSize
  const groups = option("microBatchGroups") ?? prompts.perStep
  return {
    cache: `${answers} answers of up to ${newTokens} tokens to prompts of up to ${promptTokens}`,
    decoding: `one token of each of ${answers} answers, and a layer's cache while it grows`,
    reading: "what a judge reads at once: the criteria of as many answers as go into one pass",
    sampling: "the cache of the answers that are asked for at once",
    activations: `the input of each layer and one layer, for ${String(groups)} groups at once`,
    "kept activations": "what the backward pass reads of the layers that are not computed twice",
    logits: "a chunk of logits of the whole vocabulary",
    gradients: "of the adapter",
    [Memory.notKnown]: "it could not be rehearsed; all that the budget leaves is kept for it",
  }
}

const scaled = (tokens: Tokens, times: number): Tokens => ({
  read: tokens.read * times,
  written: tokens.written * times,
  trained: tokens.trained * times,
})

export const plan = Effect.fnUntraced(function* (experiment: Experiment.Any, options: PlanOptions) {
  const { locate, model, remembered, shown = (folder: string) => folder, store } = options
  const { settings, stages } = experiment
  const { shape } = model
  const questions = yield* checked(experiment, model, locate)
  const { longest, of, rehearsed } = yield* planMemory(experiment, model, {
    everything: true,
    questions,
    locate,
    remembered,
  })
  const memory = of(experiment)
  const most = Memory.most(memory)

  const explained = store === undefined ? [] : yield* explain(experiment, { store, questions, locate, model })
  const measured = store === undefined ? undefined : yield* rates(store, model.name, shape.engine ?? "")
  const speed = model.speed && (yield* model.speed)
  const sources = new Set<"runs" | "probe">()
  const took = (one: Rehearsed | undefined): number | null => {
    if (one === undefined || one.tokens === null) return null
    const { newTokens, tokens } = one
    const known = secondsOf(measured, tokens)
    if (known !== null) {
      if (tokens.read + tokens.written + tokens.trained > 0) sources.add("runs")
      return known
    }
    if (speed === undefined) return null
    sources.add("probe")
    return probed(shape, speed, { tokens, newTokens, length: longest + newTokens })
  }
  const reason = reasons(experiment, longest)
  const planned = stages.map((stage, index): PlannedStage => {
    const held = memory.stages[index]
    const tokens = rehearsed[index]?.tokens ?? null
    const found = explained[index]
    return {
      stage: stage.name,
      grain: stage.grain,
      bytes: held?.bytes ?? 0,
      offloads: held?.offloads ?? 0,
      parts: (held?.parts ?? []).map(({ bytes, part }) => ({ part, bytes, why: reason[part] ?? "" })),
      times: timesOf(stage, settings.steps),
      tokens,
      seconds: took(rehearsed[index]),
      pieces: { total: found?.total ?? 0, cached: found?.cached ?? 0 },
      why: found === undefined ? "" : why(found, shown),
    }
  })
  const all = planned.map(({ times, tokens }) => (tokens === null ? null : scaled(tokens, times)))
  const tokens = all.reduce<Tokens | null>(
    (sum, one) =>
      sum === null || one === null
        ? null
        : { read: sum.read + one.read, written: sum.written + one.written, trained: sum.trained + one.trained },
    { read: 0, written: 0, trained: 0 },
  )
  return {
    format: 1,
    name: experiment.name,
    digest: (yield* identify(experiment, questions, locate)).digest,
    model: { name: model.name, parameters: shape.parameters, engine: shape.engine ?? "" },
    steps: settings.steps,
    seed: settings.seed,
    prompts: { perStep: settings.prompts.perStep, train: questions.train.length, heldOut: questions.heldOut.length },
    stages: planned,
    memory: {
      budget: memory.budget,
      weights: memory.weights,
      stays: memory.stays,
      most,
      timeline: timeline(experiment, memory),
      changes: most > memory.budget ? smallest(experiment, of) : [],
    },
    notes: unreserved(experiment, rehearsed).map(
      (one) =>
        `${unreservedText(one)}: give it \`reserve: (shape, options, load) => [{ part, bytes }]\`, so that a run keeps room for it`,
    ),
    tokens,
    time: {
      ...time(planned, settings.steps, measured?.step ?? 0),
      ...from(sources, measured?.runs ?? 0, speed, model.name, shape.engine ?? ""),
    },
  } satisfies Planned
})

/** What is made anew takes its time; what the store has takes none. */
const time = (stages: ReadonlyArray<PlannedStage>, steps: number, idle: number) => {
  let seconds: number | null = 0
  for (const { pieces, seconds: once, times } of stages) {
    const left: number = pieces.total === 0 ? 1 : 1 - pieces.cached / pieces.total
    if (left === 0) continue
    if (once === null) return { seconds: null }
    seconds += once * times * left
  }
  return { seconds: seconds === 0 ? 0 : seconds + idle * steps }
}

/** What the seconds rest on. */
const from = (
  sources: ReadonlySet<"runs" | "probe">,
  runs: number,
  speed: Speed | undefined,
  model: string,
  engine: string,
): Pick<Planned["time"], "source" | "from"> => {
  const what = engine === "" ? model : `${model} on ${engine}`
  const early = "answers end earlier than at their limit"
  const rates = `the rates of ${runs} earlier ${runs === 1 ? "run" : "runs"} of ${what} here`
  if (!sources.has("probe") || speed === undefined)
    return runs === 0
      ? {
          source: "none",
          from: `no earlier run of ${what} here says how fast it is; the first one probes the engine`,
        }
      : { source: "runs", from: `${rates}; ${early}` }
  const { memory, product } = speed
  const threads = `${speed.engine.threads} ${speed.engine.threads === 1 ? "thread" : "threads"}`
  const probe = `the engine's probe: ${(product / 1e9).toPrecision(3)} GFLOP/s, ${(memory / 1e9).toPrecision(3)} GB/s, ${threads}`
  return sources.has("runs")
    ? { source: "runs and probe", from: `${rates}, and ${probe}; ${early}` }
    : { source: "probe", from: `${probe}; ${early}` }
}

/** Phases in their order: weights, what is measured before, a step, what is measured after. */
const timeline = ({ settings, stages }: Experiment.Any, memory: Memory.Plan): Planned["memory"]["timeline"] => {
  const of = (phase: string, times: number, which: (stage: Stage.Any) => boolean) =>
    stages.flatMap((stage, i) =>
      which(stage)
        ? [
            {
              phase,
              stage: stage.name,
              times,
              bytes: Memory.held(memory, memory.stages[i] ?? { bytes: 0, offloads: 0 }),
            },
          ]
        : [],
    )
  const due = (step: number) => (stage: Stage.Any) =>
    isEvaluate(stage) && Evaluate.due(stage.options, step, settings.steps)
  const between = stages.some((stage) => isEvaluate(stage) && timesOf(stage, settings.steps) > 2)
  return [
    { phase: "load", stage: "weights", times: 1, bytes: memory.weights },
    ...of("before", 1, due(0)),
    ...of("step", settings.steps, (stage) => !measures(stage)),
    ...(between ? of("between", 1, (stage) => isEvaluate(stage) && timesOf(stage, settings.steps) > 2) : []),
    ...of("after", 1, due(settings.steps)),
  ]
}
