/** Experiments made of experiments: plain data that the plan walks. */
import { type Experiment, value } from "./Experiment.ts"
import { face } from "./face.ts"
import type { Reward } from "./Reward.ts"
import type { Join } from "./Sentence.ts"
import * as Stage from "./Stage.ts"

/** What an arm of a contrast may change: the reward, and nothing else. */
export interface Arm {
  readonly reward: (reward: Reward) => Arm
}
export interface Contrast<Arms extends string> {
  readonly kind: "contrast"
  readonly arms: { readonly [A in Arms]: Experiment.Any }
}
type Judged<X extends Experiment.Any> = [
  Extract<X["stages"][number], { readonly options: { readonly rubric: Reward } }>,
] extends [never]
  ? `✗ ${X["name"]} has no stage with a reward, so its arms cannot differ in it`
  : X

/** Paired arms: same prompts, seeds and budget; they differ in the reward alone. An arm's experiment is named `name/arm`. */
export const contrast = <X extends Experiment.Any, const Arms extends string>(
  experiment: Judged<X>,
  arms: { readonly [A in Arms]: (e: Arm) => Arm },
): Contrast<Arms> => {
  // Where the sentence is asked for, no experiment is assignable, so what arrives is an experiment.
  const base = face<Experiment.Any>(experiment)
  const made: Record<string, Experiment.Any> = {}
  for (const [name, build] of Object.entries<(e: Arm) => Arm>(arms)) {
    let current = renamed(base, `${base.name}/${name}`)
    const arm: Arm = {
      reward: (rubric) => {
        current = change(current, "rubric", rubric)
        return arm
      },
    }
    build(arm)
    made[name] = current
  }
  // One entry an arm was put in above.
  return { kind: "contrast", arms: face(made) }
}

type Stages<X extends Experiment.Any> = X["stages"][number]
type Keys<S> = S extends Stage.Any ? keyof S["options"] & string : never
/** The names under which an option can be swept: its own where one stage alone has it, else `"Sample.temperature"`. */
type Names<X extends Experiment.Any> = Extract<
  | {
      [S in Stages<X> as S["name"]]: Exclude<keyof S["options"] & string, Keys<Exclude<Stages<X>, S>>>
    }[Stages<X>["name"]]
  | { [S in Stages<X> as S["name"]]: `${S["name"]}.${keyof S["options"] & string}` }[Stages<X>["name"]],
  string
>
type Value<S, N> = S extends Stage.Any
  ? N extends keyof S["options"]
    ? S["options"][N]
    : N extends `${S["name"]}.${infer K}`
      ? K extends keyof S["options"]
        ? S["options"][K]
        : never
      : never
  : never
/** Options of the experiment's stages, each with the values to try. */
export type Grid<X extends Experiment.Any> = {
  readonly [N in Names<X>]?: ReadonlyArray<Exclude<Value<Stages<X>, N>, undefined>>
} & {
  readonly [
    N in Exclude<Keys<Stages<X>>, Names<X>>
  ]?: `✗ ${N} is an option of ${Join<Owner<Stages<X>, N>>}: put the stage's name and a dot before it`
}
type Owner<S, N> = S extends Stage.Any ? (N extends keyof S["options"] ? S["name"] : never) : never
export interface Sweep<Name extends string> {
  readonly kind: "sweep"
  readonly name: Name
  readonly points: ReadonlyArray<Experiment.Any>
}

/** One experiment a combination. */
export const sweep = <X extends Experiment.Any>(experiment: X, grid: Grid<NoInfer<X>>): Sweep<X["name"]> => {
  let points: ReadonlyArray<Experiment.Any> = [experiment]
  for (const [name, values] of Object.entries<ReadonlyArray<unknown>>(grid)) {
    points = points.flatMap((x) => values.map((v) => change(x, name, v)))
  }
  return { kind: "sweep", name: experiment.name, points }
}

/** The same experiment under n seeds: its own, and those that follow it. */
export const seeds = <X extends Experiment.Any>(experiment: X, n: number): Sweep<X["name"]> => {
  if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`seeds must be a whole number of at least 1, not ${n}`)
  const { name, settings, stages } = experiment
  const points = Array.from({ length: n }, (_, i) => value(name, { ...settings, seed: settings.seed + i }, stages))
  return { kind: "sweep", name, points }
}

const renamed = (x: Experiment.Any, name: string): Experiment.Any => value(name, x.settings, x.stages)

const change = (x: Experiment.Any, name: string, to: unknown): Experiment.Any => {
  const dot = name.indexOf(".")
  const [stage, option] = dot < 0 ? [undefined, name] : [name.slice(0, dot), name.slice(dot + 1)]
  return value(
    x.name,
    x.settings,
    x.stages.map((s) => {
      const meant = stage === undefined ? option in s.options : s.name === stage
      return meant ? Stage.change(s, { [option]: to }) : s
    }),
  )
}
