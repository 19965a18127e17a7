/** Whole experiments without weights and without a disk, in milliseconds. */
import { type Event, type Loadable, type Locate, type Outcome, run } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Experiment, LanguageModel } from "hmx"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { MemoryFiles } from "./MemoryFiles.ts"
import { type Options as Script, ScriptedModel } from "./ScriptedModel.ts"
import { type Device, SimulatedModel } from "./SimulatedModel.ts"

/** Options of {@link inMemory}. */
export interface InMemoryOptions {
  /** How the model answers, judges, fails and takes its time. */
  readonly script?: Script
  /** Rates and size of a device, for a model that takes time and memory: run it in simulated time. Default: none. */
  readonly device?: Device
  /** The pipeline's own folder, where it names files: `import.meta.dirname`. Default: the working directory. */
  readonly folder?: string
}

/** What a run left behind. */
export interface Ran {
  readonly outcome: Outcome
  /** Everything that happened, in order. */
  readonly events: ReadonlyArray<Event>
  /** One line a step, under TRL's names. */
  readonly metrics: ReadonlyArray<{ readonly [name: string]: number }>
  /** The run's folder: texts by path. */
  readonly files: ReadonlyMap<string, string>
}

/**
 * Runs an experiment as `hmx run` does, on a scripted model, in memory: the same plan, steps, recovery, checkpoints and metrics. What
 * the pipeline reads (prompts, data of tasks) is read from the disk; nothing is written to it.
 *
 * @example
 * import { inMemory } from "@hmx/testing"
 * import * as Effect from "effect/Effect"
 * import reverse from "./pipelines/reverse.ts"
 *
 * const ran = Effect.runPromise(
 *   inMemory(reverse, { folder: "pipelines", script: { answer: ({ updates }) => (updates === 0 ? "I feel glad." : "Yes.") } }),
 * )
 */
export const inMemory = <X extends Experiment.Any>(experiment: X, options: InMemoryOptions = {}) =>
  Effect.suspend(() => {
    const files = new MemoryFiles()
    const events: Array<Event> = []
    const folder = options.folder ?? "."
    const locate: Locate = (named) => {
      const path =
        typeof named === "string" && !named.startsWith("file:") ? resolve(folder, named) : fileURLToPath(named)
      return { path, name: path }
    }
    const script = { ...options.script, files }
    const layer =
      options.device === undefined
        ? ScriptedModel.layer(script)
        : SimulatedModel.layer({ ...script, device: options.device })
    return Effect.map(
      run(experiment, {
        model: loadable(layer),
        locate,
        place: { path: `${files.root}/run` },
        source: {},
        versions: {},
        onEvent: (event) => void events.push(event),
      }),
      (outcome): Ran => ({
        outcome,
        events,
        metrics: events.flatMap((event) => (event._tag === "StepFinished" ? [event.metrics] : [])),
        files: new Map([...files.texts()].map(([path, text]) => [path.slice("run/".length), text])),
      }),
    ).pipe(Effect.provide(files.layer))
  })

/** A model as the runtime loads one: its shape is known before it is loaded. */
const loadable = (layer: Layer.Layer<LanguageModel>): Loadable => {
  const { info } = Effect.runSync(Effect.provide(Effect.service(LanguageModel), layer))
  return { name: info.name, shape: info.shape, layer: Layer.fresh(layer) }
}
