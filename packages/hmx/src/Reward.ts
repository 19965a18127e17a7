/** What a completion is worth: a rubric, a function of one's own, or a weighted mix of both. */
import { known, named, ranged, unique, versioned, weighed } from "./checks.ts"
import type { Laws } from "./Laws.ts"
import type { Rubric } from "./Rubric.ts"

export type { Growth, Law, Laws, Reasons } from "./Laws.ts"

/** The least and the most that a reward gives. */
export interface Range {
  readonly min: number
  readonly max: number
}

/** Any reward. `name` and `version` (and a function's options) are its identity. */
export type Reward<Name extends string = string> = Rubric<Name> | Plain<Name> | Mix<Name>

/** What a reward sees of an answer. */
export interface Completion {
  /** Of the prompt. */
  readonly id: string
  /** The last thing that the user said. */
  readonly question: string
  readonly text: string
  /** "length": cut off at the token limit. */
  readonly finish: "stop" | "length"
  /** How many tokens were sampled, the end token included. */
  readonly tokens: number
}

/** A plain function with a name. */
export interface Plain<Name extends string = string> {
  readonly kind: "function"
  readonly name: Name
  readonly version: number
  readonly range: Range
  readonly options: object
  readonly laws: Laws
  readonly score: (completion: Completion, options: never) => number | undefined
}

/** A weighted mean of rewards. */
export interface Mix<Name extends string = string> {
  readonly kind: "mix"
  readonly name: Name
  readonly version: number
  readonly range: Range
  readonly parts: ReadonlyArray<Part>
}
export interface Part {
  readonly weight: number
  readonly reward: Reward
}

/**
 * A reward of one's own. `score` is pure; `undefined` means that it has no verdict (the completion is unscored), and so does a number
 * that is not finite or outside `range` (default 0 to 1).
 *
 * `name`, `version` and `options` are its identity; the text of `score` is a trip-wire beside it: another text under the same version
 * is refused by the runtime. `laws` says what tests shall know of it: which laws it breaks and why, and in what it is monotone.
 *
 * @example
 * const brevity = Reward.make("brevity", { version: 1, options: { most: 40 }, score: (c, { most }) => Math.min(1, most / c.tokens) })
 */
export const make = <const Name extends string, const O extends object = {}>(
  name: Name,
  spec: {
    readonly version: number
    readonly range?: Range
    readonly options?: O
    readonly laws?: Laws
    readonly score: (completion: Completion, options: NoInfer<O>) => number | undefined
  },
): Plain<Name> => {
  known(`the reward ${name}`, spec, ["version", "range", "options", "laws", "score"])
  return {
    kind: "function",
    name: named(name),
    version: versioned(name, spec.version),
    range: ranged(name, spec.range ?? { min: 0, max: 1 }),
    options: spec.options ?? {},
    laws: spec.laws ?? {},
    score: spec.score,
  }
}

/**
 * `Reward.mix([0.8, humanLike], [0.2, brevity])`: the weighted mean of the parts' scores; weights need not sum to 1.
 *
 * A completion that one part does not score is unscored as a whole. Summing what is there (as TRL does with None) biases it low, and
 * a mean over the parts that are there compares unlike things within a group.
 */
export const mix = <const P extends ReadonlyArray<readonly [weight: number, reward: Reward]>>(
  ...parts: P
): Mix<P[number][1]["name"]> => {
  if (parts.length === 0) throw new RangeError("a mix needs at least one reward")
  for (const [weight, reward] of parts) weighed(reward.name, weight)
  unique(
    "a mix",
    parts.map(([, reward]) => reward.name),
  )
  const total = parts.reduce((sum, [weight]) => sum + weight, 0)
  const bound = (of: (range: Range) => number) =>
    parts.reduce((sum, [weight, reward]) => sum + (weight / total) * of(reward.range), 0)
  return {
    kind: "mix",
    // The type says which rewards are in it; the text says how much of each as well.
    name: parts.map(([weight, reward]) => `${weight} ${reward.name}`).join(" + "),
    version: 1,
    range: { min: bound((r) => r.min), max: bound((r) => r.max) },
    parts: parts.map(([weight, reward]) => ({ weight, reward })),
  }
}
