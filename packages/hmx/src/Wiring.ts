/** The wiring of a pipeline, folded over its tuple of stages. Pure types; `Rules.ts` says the same of values. */
import type { GivenBy } from "./Artefact.ts"
import type { Ordinary } from "./Errors.ts"
import type { Join, Tag } from "./Sentence.ts"
import type * as Stage from "./Stage.ts"

/** What a stage may use, of its group and of the step; what a step stage has closed, and which one; who came last; who owes; who has given what. */
export interface Row {
  readonly group: unknown
  readonly step: unknown
  readonly gone: unknown
  readonly closer: string
  readonly last: string
  readonly owes: string
  readonly given: string
}
export interface Start<A> {
  readonly group: A
  readonly step: never
  readonly gone: never
  readonly closer: never
  readonly last: "the experiment"
  readonly owes: never
  readonly given: never
}

/** The row after a stage: a group stage adds to the group, a step stage closes it and adds to the step. */
export type After<W extends Row, S extends Stage.Any> = S["grain"] extends "group"
  ? {
      group: W["group"] | Stage.Out<S>
      step: W["step"]
      gone: W["gone"]
      closer: W["closer"]
      last: S["name"]
      owes: W["owes"] | Owes<S>
      given: W["given"] | Given<S>
    }
  : {
      group: never
      step: W["step"] | Stage.Out<S>
      gone: W["gone"] | W["group"]
      closer: [W["closer"]] extends [never] ? S["name"] : W["closer"]
      last: S["name"]
      owes: S["settles"] extends Stage.Debt ? never : W["owes"] | Owes<S>
      given: W["given"] | Given<S>
    }
type Owes<S extends Stage.Any> = S["owes"] extends string ? S["name"] : never
/** A name that was computed away could be any, and says nothing. */
type Given<S extends Stage.Any> = string extends S["name"] ? never : `${S["name"]} ${Tag<Stage.Out<S>>}`

export type Fold<W extends Row, S extends ReadonlyArray<unknown>> = S extends readonly [
  infer H extends Stage.Any,
  ...infer T,
]
  ? Fold<After<W, H>, T>
  : W

/** One entry a stage: `unknown` where it fits, else the sentence. */
export type Wired<
  W extends Row,
  S extends ReadonlyArray<unknown>,
  Acc extends ReadonlyArray<unknown> = [],
> = S extends readonly [infer H, ...infer T]
  ? H extends Stage.Any
    ? Wired<After<W, H>, T, [...Acc, Fit<W, H, T>]>
    : Wired<
        W,
        T,
        [...Acc, H extends { readonly mistake: infer M } ? M : "✗ this is not a stage: call its .stage({ … })"]
      >
  : Acc

type Fit<W extends Row, S extends Stage.Any, Rest extends ReadonlyArray<unknown>> = [
  Exclude<Stage.In<S>, W["group"] | W["step"]>,
] extends [never]
  ? S["grain"] extends "group"
    ? [W["closer"]] extends [never]
      ? Once<W, S, Rest>
      : `✗ ${S["name"]} works on groups, and ${W["closer"]} has closed them: put it before ${W["closer"]}`
    : Once<W, S, Rest>
  : Absent<W, S, Exclude<Stage.In<S>, W["group"] | W["step"]>>

type Absent<W extends Row, S extends Stage.Any, Need> = [Exclude<Need, W["gone"]>] extends [never]
  ? `✗ ${S["name"]} cannot follow ${W["last"]}: { ${Join<Tag<Need>>} } ended with ${W["closer"]}`
  : W["last"] extends "the experiment"
    ? `✗ ${S["name"]} cannot come first: nothing before it produces { ${Join<Tag<Need>>} }${Hint<Tag<Need>, S["name"]>}`
    : `✗ ${S["name"]} cannot follow ${W["last"]}: ${W["last"]} does not produce { ${Join<Tag<Need>>} }${Hint<Tag<Need>, S["name"]>}`
/** ` (Sample does)`, ` (GroupAdvantage, Sample do)`, or nothing where nobody is known to. */
type Hint<K, Self, Givers = Exclude<GivenBy[K & keyof GivenBy], Self>> = [Givers] extends [never]
  ? ""
  : ` (${Join<Givers>} ${[Several<Givers>] extends [never] ? "does" : "do"})`
type Several<U, A = U> = U extends unknown ? ([A] extends [U] ? never : true) : never

/** What a stage gives twice would be lost once; an Evaluate measures at times of its own, and may come twice. */
type Once<W extends Row, S extends Stage.Any, Rest extends ReadonlyArray<unknown>> = S["settles"] extends string
  ? Settled<W, S, Rest>
  : [Extract<Given<S>, W["given"]>] extends [never]
    ? Settled<W, S, Rest>
    : `✗ ${S["name"]} gives { ${Join<Tag<Stage.Out<S>>>} }, which ${S["name"]} gives already: leave one out`

type Settled<W extends Row, S extends Stage.Any, Rest extends ReadonlyArray<unknown>> = S["owes"] extends string
  ? [Settler<Rest>] extends [never]
    ? `✗ ${S["name"]} judges with the policy that it trains, so an Evaluate with a held-out judge must follow`
    : Measured<S, Rest>
  : S["settles"] extends "nothing"
    ? [W["owes"]] extends [never]
      ? Measured<S, Rest>
      : [HeldOut<Rest>] extends [never]
        ? `✗ ${S["name"]} has no held-out judge, and ${Join<W["owes"]>} judges with the policy that it trains: add heldOut(a rubric, …) to its tasks`
        : Measured<S, Rest>
    : Measured<S, Rest>
/** Stages that measure, and those of them that have a held-out judge. */
type Settler<Rest extends ReadonlyArray<unknown>> = Extract<Rest[number], { readonly settles: string }>
type HeldOut<Rest extends ReadonlyArray<unknown>> = Extract<Rest[number], { readonly settles: Stage.Debt }>

/** A stage that makes a policy trains; something must measure what it changed. */
type Measured<S extends Stage.Any, Rest extends ReadonlyArray<unknown>> =
  "policy" extends Tag<Stage.Out<S>>
    ? [Settler<Rest>] extends [never]
      ? `✗ ${S["name"]} trains the policy, and nothing measures what it changed: put an Evaluate after it`
      : Answered<S>
    : Answered<S>

type Answered<S extends Stage.Any, E = Exclude<Stage.Failure<S>, Ordinary>> = [E] extends [never]
  ? unknown
  : [E] extends [{ readonly _tag: string }]
    ? `✗ ${S["name"]} can fail with ${Join<Tag<E>>} and nothing answers it: pipe it through Stage.recover or Stage.stop`
    : `✗ ${S["name"]} can fail with an error without a tag: fail with a Schema.TaggedError`
