/**
 * What the runtime does about an error of a stage: what the stage's author said (`Stage.retry`, `timeout`, `recover`, `stop`), and
 * else DESIGN §7's table for ordinary errors.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { type Artefact, Errors, Judge, Stage, Tried } from "hmx"

/** What to do in place of going on. */
export type Action = Stage.Recovery | "stop" | "fail"

/** A stage did not do its work, and this is the answer to it. */
export class Answered extends Data.TaggedError("Answered")<{
  readonly stage: string
  readonly action: Action
  readonly error: Errors.Any
}> {}

/** DESIGN §7. Ask-again and back-off come before the action. */
const ordinary: { readonly [Tag in Errors.Ordinary["_tag"]]: Action } = {
  OutOfMemory: "halve the batch",
  NonFinite: "skip the step",
  NoSignal: "skip the step",
  StaleRollouts: "sample again",
  Unparseable: "leave unscored",
  RemoteUnavailable: "fail",
  RateLimited: "fail",
  DeviceLost: "fail",
  BadInput: "fail",
  StorageFailed: "fail",
}
const isOrdinary = (tag: string): tag is keyof typeof ordinary => Object.hasOwn(ordinary, tag)

/** A server gets about a minute: 0.5 s, doubled up to 15 s, with a jitter of a fifth; or as long as it asks for, up to a minute each time. */
const waits = [500, 1000, 2000, 4000, 8000, 15_000, 15_000]
const longest = 60_000

const backingOff = <A, R>(effect: Effect.Effect<A, unknown, R>, n = 0): Effect.Effect<A, unknown, R> =>
  Effect.catchIf(
    effect,
    (error) => isAway(error) && n < waits.length,
    (error) =>
      Effect.gen(function* () {
        const asked = error instanceof Errors.RateLimited ? (error.retryAfterMs ?? 0) : 0
        const jitter = yield* Random.nextBetween(0.8, 1.2)
        yield* Effect.sleep(Math.max(Math.min(asked, longest), (waits[n] ?? 0) * jitter))
        return yield* backingOff(effect, n + 1)
      }),
  )

const isAway = (error: unknown): boolean => ["RemoteUnavailable", "RateLimited"].includes(tagged(error)._tag)

/** Whether an error says that a judge gave no verdict, so that it is asked again. */
const isSpeechless = (error: unknown): boolean =>
  error instanceof Answered ? error.action === "leave unscored" : tagged(error)._tag === "Unparseable"

const isTagged = (error: unknown): error is Errors.Any =>
  typeof error === "object" && error !== null && "_tag" in error && typeof error._tag === "string"
/** The wiring refuses stages whose errors have no tag; a value from outside the types may still have none. */
export const tagged = (error: unknown): Errors.Any => (isTagged(error) ? error : { _tag: String(error) })

/**
 * Runs a stage under its policies, in the order in which they were written, and then under the runtime's. `before` comes before
 * every attempt, the first one as well.
 */
export const run = (
  stage: Stage.Any,
  input: { readonly [tag: string]: unknown },
  before: Effect.Effect<void, unknown, unknown> = Effect.void,
): Effect.Effect<Artefact.Any, Answered, unknown> => {
  const answer = (action: Action, error: unknown): Answered =>
    new Answered({ stage: stage.name, action, error: tagged(error) })
  let effect: Effect.Effect<Artefact.Any, unknown, unknown> = Effect.andThen(before, Stage.run(stage, input))
  for (const policy of stage.policies) {
    switch (policy.policy) {
      case "retry":
        effect = Effect.retry(effect, { times: policy.times, while: (error) => !(error instanceof Answered) })
        break
      case "timeout":
        effect = Effect.timeoutOrElse(effect, {
          duration: policy.ms,
          orElse: () => Effect.fail(new Errors.TimedOut({ stage: stage.name, ms: policy.ms })),
        })
        break
      case "recover":
        effect = Effect.mapError(effect, (error) => {
          const action = policy.by[tagged(error)._tag]
          return action === undefined || error instanceof Answered ? error : answer(action, error)
        })
        break
      case "stop":
        effect = Effect.mapError(effect, (error) =>
          tagged(error)._tag === policy.on && !(error instanceof Answered) ? answer("stop", error) : error,
        )
        break
    }
  }
  let tried = 0
  const again = Effect.suspend(() => Effect.provideService(effect, Tried, tried++))
  return backingOff(Effect.retry(again, { times: Judge.askAgain, while: isSpeechless })).pipe(
    Effect.mapError((error) => {
      if (error instanceof Answered) return error
      const tag = tagged(error)._tag
      return answer(isOrdinary(tag) ? ordinary[tag] : "fail", error)
    }),
  )
}

/** What an error says; its tag where it says nothing. */
export const reasonOf = (error: Errors.Any): string => {
  // Its own words are the rewards' least, middle and greatest: there are none of no reward.
  if (error instanceof Errors.NoSignal && error.rewards.length === 0) return "no signal: no answer has a verdict"
  return error instanceof Error && error.message !== "" ? error.message : error._tag
}

/** An answered error in a sentence. */
export const said = ({ error, stage }: Answered): string => `${stage}: ${reasonOf(error)}`
