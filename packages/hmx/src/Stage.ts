/** A stage: one typed, described step. Nothing runs until the runtime walks the value. */
import type * as Effect from "effect/Effect"
import type * as Artefact from "./Artefact.ts"
import { known } from "./checks.ts"
import type { Data } from "./Data.ts"
import type * as Errors from "./Errors.ts"
import { face } from "./face.ts"
import type { LanguageModel, ModelShape } from "./LanguageModel.ts"
import type { RemoteJudge } from "./RemoteJudge.ts"
import type { Reward } from "./Reward.ts"
import type { Join, Tag } from "./Sentence.ts"
import type { Settings } from "./Settings.ts"
import type { Step } from "./Step.ts"

/** A "group" stage sees one prompt's group; a "step" stage sees all groups of the step, and closes them. */
export type Grain = "group" | "step"

/**
 * What of a run a stage's output depends on, beside its options and the artefacts that it needs: the store's key holds no more than
 * this. "policy" and "base": whose weights answer it; "optimiser": the state behind the policy's weights; "seed", "step" and "steps":
 * of the `Step` service; "data": the files and held-out prompts of the `Data` service; "judge": the one on a server; "world": what the
 * runtime cannot see, so that nothing of it is used again.
 */
export type Reads = "policy" | "base" | "optimiser" | "seed" | "step" | "steps" | "data" | "judge" | "world"

/** What a stage leaves for a later one to settle. */
export type Debt = "held-out judge"

/** What a stage holds in device memory beside the weights. */
export interface Reservation {
  readonly part: string
  readonly bytes: number
  /** It is there from the run's start to its end, while other stages run as well. Default false. */
  readonly stays?: boolean
  /** Of what stays: only its own stage reads it, so it may be on the host while others run. Default false. */
  readonly idle?: boolean
}

/** How much passes through a pipeline at once: what a reservation depends on beside the shape and the stage's own options. */
export interface Load extends Settings {
  /** Completions a prompt. */
  readonly groupSize: number
  /** Of the longest prompt. */
  readonly promptTokens: number
  /** Of the longest completion. */
  readonly maxNewTokens: number
  /** Tokens of a text, or an upper bound on them. Default: one a byte. */
  readonly tokens?: (text: string) => number
  /** Bytes that the budget has beside the weights and what stays: what a stage may take more of to be faster. Default: no limit. */
  readonly room?: number
}

/** What `prepare` can fail with. */
export type Unprepared =
  | Errors.OutOfMemory
  | Errors.NonFinite
  | Errors.DeviceLost
  | Errors.RemoteUnavailable
  | Errors.BadInput

/**
 * `In` and `Out` are unions of artefacts, as `R` is a union of services: what is missing is `Exclude<In, Have>`.
 * `Stops` are the errors that end the run because the author said so.
 */
export interface Stage<Name extends string, In, Out, E = never, R = never, G extends Grain = Grain, Stops = never> {
  readonly name: Name
  readonly version: number
  readonly grain: G
  /** Tags of the artefacts it reads. */
  readonly needs: ReadonlyArray<string>
  /** Tag of the artefact it makes. */
  readonly gives: ReadonlyArray<string>
  /** The class of what it makes: how the store writes it and reads it back. */
  readonly makes: Artefact.Class
  readonly options: object
  readonly policies: ReadonlyArray<Policy>
  readonly owes: Debt | undefined
  readonly settles: Debt | "nothing" | undefined
  /** Called by `Stage.run`. */
  readonly run: (input: never, options: never) => Effect.Effect<unknown, E, R>
  /** What it holds beside the weights; asked by `Experiment.reservations`. */
  readonly reserve?: (shape: ModelShape, options: never, load: Load) => ReadonlyArray<Reservation>
  /** Default: whatever a run has but the world. */
  readonly reads?: ReadonlyArray<Reads>
  /** What it makes of a group for which it found no answer, and why; without it the group is dropped. Called by `Stage.without`. */
  readonly without?: (input: never, options: never, reason: string) => Artefact.Any
  /** false: the store does not keep what it makes, since making it takes no longer than reading it. Default true. */
  readonly kept?: boolean
  /** Options that change how it is computed and not what it makes: no part of the store's key. */
  readonly tuning?: ReadonlyArray<string>
  /** Run once at the start of a fresh run; returns the digest of the adapter that it made. Called by `Stage.prepare`. */
  readonly prepare?: (options: never) => Effect.Effect<string, Unprepared, LanguageModel | Step>
  /** Options of which `prepare` makes the adapter: one that is there keeps those that it has. */
  readonly preparedFrom?: ReadonlyArray<string>
  /** The stage anew from other options, with its checks: for `sweep` and `contrast`. A stage of one's own keeps its `run`. */
  readonly remake?: (options: never) => Any
  /** Types only; never there at run time. */
  readonly "~"?: { readonly in: In; readonly out: Out; readonly stops: Stops }
  /** Adds policies. */
  pipe<const P extends ReadonlyArray<Policy>>(
    ...policies: { [K in keyof P]: Answered<Name, E, P[K]> }
  ): Piped<this, P[number]>
}

/** Any stage. */
export type Any = Stage<string, unknown, unknown, unknown, unknown, Grain, unknown>

export type In<S> = S extends { readonly "~"?: { readonly in: infer A } } ? A : never
export type Out<S> = S extends { readonly "~"?: { readonly out: infer A } } ? A : never
export type Stops<S> = S extends { readonly "~"?: { readonly stops: infer A } } ? A : never
export type Failure<S> = S extends { readonly run: (...a: never) => Effect.Effect<unknown, infer E, infer _> }
  ? E
  : never
export type Services<S> = S extends { readonly run: (...a: never) => Effect.Effect<unknown, infer _, infer R> }
  ? R
  : never

// --- policies: plain data -------------------------------------------------------------------------------------------

/** What to do instead of failing. */
export type Recovery = "drop the group" | "leave unscored" | "skip the step" | "halve the batch" | "sample again"
export type Policy =
  | { readonly policy: "retry"; readonly times: number }
  | { readonly policy: "timeout"; readonly ms: number }
  | { readonly policy: "recover"; readonly by: { readonly [tag: string]: Recovery } }
  | { readonly policy: "stop"; readonly on: string }

/**
 * Tries again, at most `times` times. Random numbers are keyed by their place in the run and stay as they were: it is for what fails, not for
 * bad draws.
 */
export const retry = (o: { readonly times: number }): { readonly policy: "retry"; readonly times: number } => {
  if (!Number.isSafeInteger(o.times) || o.times < 1)
    throw new RangeError(`times must be a whole number of at least 1, not ${o.times}`)
  return { policy: "retry", times: o.times }
}
/** Fails with TimedOut after `ms` milliseconds. */
export const timeout = (ms: number): { readonly policy: "timeout"; readonly ms: number } => {
  if (!Number.isFinite(ms) || ms <= 0) throw new RangeError(`a timeout must be above 0 ms, not ${ms}`)
  return { policy: "timeout", ms }
}
/** Answers errors by what the runtime shall do instead. */
export const recover = <const H extends { readonly [tag: string]: Recovery }>(
  by: H,
): { readonly policy: "recover"; readonly by: H } => ({ policy: "recover", by })
/** Says that an error ends the run, and puts it into the experiment's type. */
export const stop = <const T extends string>(on: T): { readonly policy: "stop"; readonly on: T } => ({
  policy: "stop",
  on,
})

type Recovers<P> = P extends { readonly by: infer H } ? keyof H & string : never
type StopsOn<P> = P extends { readonly policy: "stop"; readonly on: infer T } ? T : never
/** A recovery that is misspelled makes the tags a mere `string`: that mistake is told by itself. */
type Answered<Name extends string, E, P> =
  string extends Recovers<P>
    ? P
    : [Exclude<Recovers<P> | StopsOn<P>, Tag<E> | "TimedOut">] extends [never]
      ? P
      : `✗ ${Name} never fails with ${Join<Exclude<Recovers<P> | StopsOn<P>, Tag<E>>>}: it fails with ${[E] extends [
          never,
        ]
          ? "nothing"
          : Join<Tag<E>>}`

/** A stage under policies: only a policy that changes what it fails with changes its type. */
export type Piped<S, P> = [P] extends [{ readonly policy: "retry" }]
  ? S
  : With<
      S,
      Exclude<
        Failure<S> | (P extends { readonly policy: "timeout" } ? Errors.TimedOut : never),
        { readonly _tag: Recovers<P> | StopsOn<P> }
      >,
      Stops<S> | Extract<Failure<S> | Errors.TimedOut, { readonly _tag: StopsOn<P> }>
    >
export interface With<S, E, F> extends Stage<
  Prop<S, "name", string>,
  In<S>,
  Out<S>,
  E,
  Services<S>,
  Prop<S, "grain", Grain>,
  F
> {
  readonly options: Prop<S, "options", object>
  readonly owes: Prop<S, "owes", Debt | undefined>
  readonly settles: Prop<S, "settles", Debt | "nothing" | undefined>
}
type Prop<S, K extends string, T> = S extends { readonly [P in K]: infer V extends T } ? V : never

// --- making one -----------------------------------------------------------------------------------------------------

/** What `run` receives, by key; a "step" stage receives a group's artefacts as arrays, one a group. */
export type Input<A, G extends Grain> = {
  readonly [X in A as Tag<X>]: G extends "step" ? (Tag<X> extends keyof Artefact.OfStep ? X : ReadonlyArray<X>) : X
}
type Instance<C extends ReadonlyArray<Artefact.Class>> = C[number]["Type"]

/** Options are data, so that they can be digested; code comes in as a `Reward` with a name and a version. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }
export type Options = { readonly [key: string]: Json | Reward }

/**
 * A stage of one's own. Its errors and services are read from `run`; what it makes must be what `gives` says, or `pipe` refuses it.
 *
 * @example
 * class Lengths extends Schema.TaggedClass<Lengths>()("lengths", { of: Schema.Array(Schema.Int) }) {}
 * const measure = Stage.make("Measure", {
 *   version: 1,
 *   grain: "group",
 *   needs: [Artefact.Rollouts],
 *   gives: Lengths,
 *   run: ({ rollouts }) => Effect.succeed(new Lengths({ of: rollouts.completions.map((c) => c.tokens.length) })),
 * })
 */
export const make = <
  const Name extends string,
  const Needs extends ReadonlyArray<Artefact.Class>,
  Gives extends Artefact.Class,
  G extends Grain,
  Made,
  E,
  R,
  O extends Options = {},
>(
  name: Name,
  spec: {
    readonly version: number
    readonly grain: G
    readonly needs: Needs
    readonly gives: Gives
    readonly options?: O
    readonly run: (input: Input<Instance<Needs>, G>, options: NoInfer<O>) => Effect.Effect<Made, E, R>
    readonly reserve?: (shape: ModelShape, options: NoInfer<O>, load: Load) => ReadonlyArray<Reservation>
    /** What of the run its output depends on. Default: whatever a run has but the world. */
    readonly reads?: ReadonlyArray<Reads>
  },
): [Made] extends [Gives["Type"]]
  ? Custom<Name, Instance<Needs>, Gives["Type"], E, R, G, O>
  : Mistaken<Name, Tag<Gives["Type"]>, Tag<Made>> => {
  known(`the stage ${name}`, spec, ["version", "grain", "needs", "gives", "options", "run", "reserve", "reads"])
  if (!Number.isSafeInteger(spec.version) || spec.version < 1) {
    throw new RangeError(`the version of ${name} must be a whole number of at least 1, not ${spec.version}`)
  }
  const made = value({
    name,
    version: spec.version,
    grain: spec.grain,
    needs: spec.needs.map((c) => c.identifier),
    gives: [spec.gives.identifier],
    makes: spec.gives,
    options: spec.options ?? {},
    owes: undefined,
    settles: undefined,
    run: spec.run,
    ...(spec.reserve === undefined ? {} : { reserve: spec.reserve }),
    ...(spec.reads === undefined ? {} : { reads: spec.reads }),
  })
  return face(made)
}

export interface Custom<Name extends string, In, Out, E, R, G extends Grain, O extends object> extends Stage<
  Name,
  In,
  Out,
  E,
  R,
  G
> {
  readonly options: O
  readonly owes: undefined
  readonly settles: undefined
}

/** A stage of which `run` makes something else than `gives` says; no pipeline takes it. */
export interface Mistaken<Name extends string, Gives extends string, Makes extends string> {
  readonly mistake: `✗ ${Name} says that it gives { ${Gives} }, and its run makes ${[Makes] extends [never]
    ? "no artefact"
    : `{ ${Join<Makes>} }`}`
}

type Fields = Omit<Any, "pipe" | "policies" | "~">

/** The plain value under the face `S`, which is what the maker of the stage declares of it. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the maker names the face
export const value = <S extends Any>(given: Fields, policies: ReadonlyArray<Policy> = []): S => {
  const plain: unknown = {
    ...given,
    policies,
    pipe: (...more: ReadonlyArray<Policy>) => value(given, [...policies, ...more]),
  }
  return face(plain)
}

/** The same stage with some options changed: for `sweep` and `contrast`. */
export const change = (stage: Any, options: object): Any => {
  const changed = { ...stage.options, ...options }
  // `value` puts a `pipe` of its own over the old one; `remake` takes the options of its own stage.
  return value(stage.remake?.(face(changed)) ?? { ...stage, options: changed }, stage.policies)
}

// --- for the runtime ------------------------------------------------------------------------------------------------

/**
 * Runs a stage on its input by key (`{ prompt, rollouts }`; a "step" stage gets a group's artefacts as arrays). What it needs is
 * checked by the wiring, which is why the types may be put aside here.
 */
export const run = <S extends Any>(
  stage: S,
  input: { readonly [tag: string]: unknown },
): Effect.Effect<Artefact.Any, Failure<S> & Errors.Any, Asks<S>> => face(stage.run(face(input), face(stage.options)))

/** The services that the runtime has for every stage. */
export type Service = LanguageModel | Step | Data | RemoteJudge

/** What a stage asks for; one whose type was computed away is taken to ask for the runtime's services alone. */
type Asks<S> = unknown extends Services<S> ? Service : Services<S>

/** What the stage makes of a group for which it found no answer; undefined where it says nothing of that. */
export const without = (
  stage: Any,
  input: { readonly [tag: string]: unknown },
  reason: string,
): Artefact.Any | undefined => stage.without?.(face(input), face(stage.options), reason)

/** What the stage does once at the start of a fresh run, if anything. */
export const prepare = (stage: Any): Effect.Effect<string, Unprepared, LanguageModel | Step> | undefined =>
  stage.prepare?.(face(stage.options))

/** What the stage holds beside the weights. */
export const reserve = (stage: Any, shape: ModelShape, load: Load): ReadonlyArray<Reservation> =>
  stage.reserve?.(shape, face(stage.options), load) ?? []
