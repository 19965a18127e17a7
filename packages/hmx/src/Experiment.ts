/** An experiment: a name, its settings and the tuple of its stages. */
import type { Prompt } from "./Artefact.ts"
import { face } from "./face.ts"
import type { ModelShape } from "./LanguageModel.ts"
import { weightsBytes } from "./memory.ts"
import * as Rules from "./Rules.ts"
import type { Join, Tag } from "./Sentence.ts"
import { bytes, checked, type Settings } from "./Settings.ts"
import * as Stage from "./Stage.ts"
import type { Fold, Start, Wired } from "./Wiring.ts"

/** Prints as the pipeline reads: `Experiment<"reverse", [Sample, SelfJudge<"live">, …]>`; a third entry, if any, is what may stop it. */
export interface Experiment<Name extends string, Stages extends ReadonlyArray<Stage.Any>, E = never> {
  readonly kind: "experiment"
  readonly name: Name
  readonly settings: Settings
  readonly stages: Stages
  readonly "~"?: { readonly stops: E }
  /** Adds stages; the first one that does not fit is the error, in a sentence. */
  pipe<const S extends ReadonlyArray<unknown>>(
    ...stages: {
      [K in keyof S]: number extends S["length"] ? Loose : Judge<Wired<Fold<Start<Prompt>, Stages>, S>, K, S[K]>
    }
  ): Experiment<Name, [...Stages, ...Extract<S, ReadonlyArray<Stage.Any>>], E | Stage.Stops<S[number]>>
}
type Loose = "✗ the order of an array is not in its type: write the fragment `as const`"
type Judge<W extends ReadonlyArray<unknown>, K, S> = K extends keyof W ? (W[K] extends string ? W[K] : S) : S

/** What a stage of a plan holds. */
export interface Held extends Stage.Reservation {
  readonly stage: string
  readonly index: number
}

export const Experiment = {
  /**
   * An experiment without stages; add them by `.pipe(…)`. Throws a RangeError where a setting is not what it should be.
   *
   * @example
   * export default Experiment.make("reverse", {
   *   model: Model.nano,
   *   prompts: Prompts.jsonl("./prompts/feelings.jsonl", { perStep: 8 }),
   *   memory: "2 GiB",
   *   steps: 20,
   *   seed: 7,
   * }).pipe(
   *   Sample.stage({ groupSize: 8, maxNewTokens: 48 }),
   *   SelfJudge.stage({ rubric: humanLike.reversed(), judge: "live" }),
   *   GroupAdvantage.stage({ scale: "group" }),
   *   LoRAUpdate.stage({ rank: 8, learningRate: 5e-3, loss: "dapo" }),
   *   Evaluate.stage({ tasks: [heldOut(humanLike, "frozen")] }),
   * )
   */
  make: <const Name extends string>(name: Name, settings: Settings): Experiment<Name, []> =>
    value(name, checked(settings), []),

  /** For a run that nothing declared may end: refuses an experiment with a stage that says `Stage.stop`. */
  handled: <X extends Experiment.Any>(
    experiment: [Experiment.Stops<X>] extends [never] ? X : Unhandled<X>,
    // Where the sentence is asked for, no experiment is assignable, so what arrives is `X`.
  ): X => face(experiment),

  /**
   * What does not fit, in the words of the compile errors, for a value whose types were computed away; and what no type can see: a
   * pipeline without stages or without training, and an Evaluate that is due after no update.
   */
  problems: (experiment: Experiment.Any): ReadonlyArray<Rules.Problem> => Rules.problems(experiment),

  /** Whether a value (the default export of a file) is an experiment. */
  is: (value: unknown): value is Experiment.Any =>
    typeof value === "object" && value !== null && "kind" in value && value.kind === "experiment",

  /** What each stage holds beside the weights, for prompts of up to `promptTokens` tokens. */
  reservations: (
    experiment: Experiment.Any,
    shape: ModelShape,
    promptTokens: number,
    tokens?: Stage.Load["tokens"],
  ): ReadonlyArray<Held> => {
    const load: Stage.Load = {
      ...experiment.settings,
      ...(tokens === undefined ? {} : { tokens }),
      promptTokens,
      groupSize: option(experiment, "groupSize") ?? 1,
      maxNewTokens: option(experiment, "maxNewTokens") ?? 0,
    }
    const held = (within: Stage.Load) =>
      experiment.stages.flatMap((stage, index) =>
        Stage.reserve(stage, shape, within).map((part) => ({ stage: stage.name, index, ...part })),
      )
    // What stays does not depend on the room that it leaves.
    const stays = held(load).reduce((sum, part) => sum + (part.stays === true ? part.bytes : 0), 0)
    return held({ ...load, room: bytes(experiment.settings.memory) - weightsBytes(shape) - stays })
  },
}
type Unhandled<X extends Experiment.Any> =
  `✗ ${X["name"]} may stop with ${Join<Tag<Experiment.Stops<X>>>}: recover from it where it arises`

/** The greatest value of a numeric option among the stages that have it. */
const option = (experiment: Experiment.Any, name: string): number | undefined => {
  const found = experiment.stages.flatMap((stage) =>
    Object.entries(stage.options).flatMap(([key, v]) => (key === name && typeof v === "number" ? [v] : [])),
  )
  return found.length === 0 ? undefined : Math.max(...found)
}

export declare namespace Experiment {
  export type Any = Experiment<string, ReadonlyArray<Stage.Any>, unknown>
  export type Services<X extends Any> = Stage.Services<X["stages"][number]>
  export type Stops<X> = X extends { readonly "~"?: { readonly stops: infer E } } ? E : never
}

/** The plain value under the face `X`, which is what the caller declares. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the face
export const value = <X extends Experiment.Any>(
  name: string,
  settings: Settings,
  stages: ReadonlyArray<Stage.Any>,
): X => {
  const plain: unknown = {
    kind: "experiment",
    name,
    settings,
    stages,
    pipe: (...more: ReadonlyArray<Stage.Any>) => value(name, settings, [...stages, ...more]),
  }
  return face(plain)
}
