/** What a benchmark keeps of each of its items, and where: the caller of a task says. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { StorageFailed } from "./Errors.ts"

/**
 * Sums of log-probabilities in the choices' order, or a text. Where several texts were asked for (the turns of a conversation, or
 * answers that a judge compared) they are `turns`, `text` is the last of them, and `scores` are the judge's log-probabilities.
 */
export const ItemAnswer = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("scores"), scores: Schema.Array(Schema.Finite) }),
  Schema.Struct({
    kind: Schema.Literal("text"),
    text: Schema.String,
    turns: Schema.optionalKey(Schema.Array(Schema.String)),
    scores: Schema.optionalKey(Schema.Array(Schema.Finite)),
  }),
])
export type ItemAnswer = typeof ItemAnswer.Type

/** An item that was asked and scored. */
export const AnsweredItem = Schema.Struct({
  id: Schema.String,
  /** Items of one template; absent: the item alone. */
  cluster: Schema.optionalKey(Schema.String),
  /** Figures by name, before any aggregation. */
  values: Schema.Record(Schema.String, Schema.Finite),
  answer: ItemAnswer,
  /** Not the answer that the benchmark calls right (or, of a sycophancy set, the one it counts); absent where none is right. */
  wrong: Schema.optionalKey(Schema.Boolean),
  /** A generated text that did not end within its tokens. */
  cutOff: Schema.optionalKey(Schema.Literal(true)),
  /** For people to read, each cut at a bound of its writer: what was asked, the choices that were weighed, the right answer. */
  asked: Schema.optionalKey(Schema.String),
  choices: Schema.optionalKey(Schema.Array(Schema.String)),
  expected: Schema.optionalKey(Schema.String),
})
export type AnsweredItem = typeof AnsweredItem.Type

/** An item longer than the model's context: asked nothing, in no figure but a count. `tokens` are what it would have taken. */
export const LongItem = Schema.Struct({ id: Schema.String, tooLong: Schema.Literal(true), tokens: Schema.Int })
export type LongItem = typeof LongItem.Type

export const ItemRecord = Schema.Union([LongItem, AnsweredItem])
export type ItemRecord = typeof ItemRecord.Type

/**
 * Where a task puts its items' records while it runs, and finds those of an earlier attempt. Default: nowhere, so that every item is
 * asked. Whoever provides it vouches that what `begin` returns was answered by this policy, to the same request.
 */
export const Records = Context.Reference<{
  /** Told before anything is asked: the task and its number of items. Returns the records that are there already. */
  readonly begin: (task: string, items: number) => Effect.Effect<ReadonlyArray<ItemRecord>, StorageFailed>
  /** Keeps records of items that are done. */
  readonly keep: (task: string, records: ReadonlyArray<ItemRecord>) => Effect.Effect<void, StorageFailed>
  /** Told when all are done: all records of the task, in the order of its items, whatever the order in which they were kept. */
  readonly end: (task: string, records: ReadonlyArray<ItemRecord>) => Effect.Effect<void, StorageFailed>
}>("hmx/Records", {
  defaultValue: () => ({ begin: () => Effect.succeed([]), keep: () => Effect.void, end: () => Effect.void }),
})
