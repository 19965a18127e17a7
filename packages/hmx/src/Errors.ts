/**
 * Everything that can go wrong, by name (DESIGN §7). Errors are data: they cross the worker boundary and stand in event
 * logs, so each is a schema. Those in `Ordinary` have a policy in the runtime and need no word from a pipeline's author.
 */
import * as Schema from "effect/Schema"
import { amount } from "./amount.ts"

/** The device has no room. `need` is what was asked for in bytes (0 where the engine does not say), `where` the operation. */
export class OutOfMemory extends Schema.TaggedError<OutOfMemory>()("OutOfMemory", {
  need: Schema.Number,
  where: Schema.String,
}) {
  override get message() {
    return `out of memory in ${this.where}${this.need > 0 ? `: ${amount(this.need)} wanted` : ""}`
  }
}

/** A loss, gradient or logit is NaN or infinite; `tensor` names the first one found. */
export class NonFinite extends Schema.TaggedError<NonFinite>()("NonFinite", { tensor: Schema.String }) {
  override get message() {
    return `${this.tensor} is not finite`
  }
}

/** A judge answered, and the answer holds no verdict. */
export class Unparseable extends Schema.TaggedError<Unparseable>()("Unparseable", { text: Schema.String }) {
  override get message() {
    return `no verdict in: ${this.text.slice(0, 200)}`
  }
}

/** A server does not answer. */
export class RemoteUnavailable extends Schema.TaggedError<RemoteUnavailable>()("RemoteUnavailable", {
  url: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `${this.url} does not answer: ${this.reason}`
  }
}

/** A server answers that it has been asked too often. `retryAfterMs` is how long it wants to be left alone; null where it does not say. */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  url: Schema.String,
  retryAfterMs: Schema.NullOr(Schema.Number),
}) {
  override get message() {
    const wait = this.retryAfterMs === null ? "" : `: again in ${Math.ceil(this.retryAfterMs / 1000)} s`
    return `${this.url} is asked too often${wait}`
  }
}

/** The worker that holds the model died. */
export class DeviceLost extends Schema.TaggedError<DeviceLost>()("DeviceLost", { reason: Schema.String }) {
  override get message() {
    return `the model's worker is gone: ${this.reason}`
  }
}

/** Rollouts were sampled by another policy than the one to be updated. */
export class StaleRollouts extends Schema.TaggedError<StaleRollouts>()("StaleRollouts", {
  expected: Schema.String,
  found: Schema.String,
}) {
  override get message() {
    return `the rollouts come from policy ${this.found}, and the update is of policy ${this.expected}`
  }
}

/** No group has any spread in its rewards, so there is nothing to learn from. `rewards` are those of the step. */
export class NoSignal extends Schema.TaggedError<NoSignal>()("NoSignal", {
  liveGroups: Schema.Int,
  rewards: Schema.Array(Schema.Number),
}) {
  override get message() {
    const sorted = this.rewards.toSorted((a, b) => a - b)
    const at = (q: number) => (sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN).toFixed(3)
    return `no signal: ${this.liveGroups} groups have different rewards within them (rewards: min ${at(0)}, median ${at(0.5)}, max ${at(1)})`
  }
}

/** `Stage.timeout` ran out. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", { stage: Schema.String, ms: Schema.Number }) {
  override get message() {
    return `${this.stage} took longer than ${this.ms} ms`
  }
}

/** What the user gave does not do: where it stands, what was found, what was expected. Ends the process with exit code 2. */
export class BadInput extends Schema.TaggedError<BadInput>()("BadInput", {
  /** A file with line or tensor, an option, a flag. */
  where: Schema.String,
  found: Schema.String,
  expected: Schema.String,
}) {
  override get message() {
    return `${this.where}: found ${this.found}; expected ${this.expected}`
  }
}

/** The disk is full, the folder read-only, the file gone: `what` was being done to `path`. */
export class StorageFailed extends Schema.TaggedError<StorageFailed>()("StorageFailed", {
  path: Schema.String,
  what: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `cannot ${this.what} ${this.path}: ${this.reason}`
  }
}

/** Any typed error. */
export type Any = { readonly _tag: string }

/** Errors that the runtime answers by itself (DESIGN §7); every other typed error of a stage is answered where it arises. */
export type Ordinary =
  | OutOfMemory
  | NonFinite
  | Unparseable
  | RemoteUnavailable
  | RateLimited
  | DeviceLost
  | StaleRollouts
  | NoSignal
  | BadInput
  | StorageFailed
