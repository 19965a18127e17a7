/** Putting a benchmark's requests to a model. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type AnsweredItem, Errors, type ItemRecord, Records, Rehearsing, type Task } from "hmx"
import { type Asked, ask } from "./ask.ts"
import { askingOf } from "./asking.ts"
import type { Benchmark, Item, Request } from "./Benchmark.ts"
import { asked, recordOf } from "./record.ts"
import { quote } from "./rows.ts"
import { measures, share } from "./score.ts"

export interface Evaluated extends Task.Result {
  /** Items that were answered, in order. */
  readonly records: ReadonlyArray<AnsweredItem>
  /** Ids of items that are longer than the model's context. They are in no figure but `too_long`. */
  readonly tooLong: ReadonlyArray<string>
}

/** So many items are tokenised and asked together, and two such blocks at once: enough to batch, little enough to lose. */
const blockSize = 64
const atOnce = 2

const blocks = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(all.length / blockSize) }, (_, i) => all.slice(i * blockSize, (i + 1) * blockSize))

interface Pending {
  readonly item: Item
  readonly request: Request
}

/**
 * Asks the step's policy and scores what it answers. Beside the benchmark's figures stand `too_long`, the share of items that do not
 * fit into the model's context (they are left out, never cut), and, for generated text, `cut_off`, the share that did not end within
 * its tokens (scored as it stands). What `Records` has of an item that was asked the same is not asked again.
 */
export const evaluate = (benchmark: Benchmark, items: ReadonlyArray<Item>) =>
  Effect.gen(function* () {
    const records = yield* Records
    const all = items.map((item): Pending => ({ item, request: item.request() }))
    const earlier = new Map((yield* records.begin(benchmark.name, items.length)).map((record) => [record.id, record]))
    const found = new Map<string, ItemRecord>()
    for (const { item, request } of all) {
      const record = earlier.get(item.id)
      // The file may have changed since: another question under the same id is asked anew.
      if (record !== undefined && ("tooLong" in record || record.asked === asked(request))) found.set(item.id, record)
    }
    const keep = (done: ReadonlyArray<ItemRecord>) => {
      for (const record of done) found.set(record.id, record)
      return records.keep(benchmark.name, done)
    }
    const rehearsing = yield* Rehearsing
    const left = all.filter(({ item }) => !found.has(item.id))
    const chosen =
      rehearsing === undefined
        ? left
        : rehearsing
            .choose(
              left.map(({ request }) => askingOf(request)),
              atOnce * blockSize,
            )
            .flatMap((place) => left[place] ?? [])
    yield* Effect.forEach(
      blocks(chosen),
      (block) => ask(benchmark.prompt, block, (answered) => Effect.flatMap(recordsOf(benchmark, answered), keep)),
      { concurrency: atOnce, discard: true },
    )
    const done = items.flatMap(({ id }) => found.get(id) ?? [])
    if (rehearsing === undefined) yield* records.end(benchmark.name, done)
    return evaluated(benchmark, done)
  })

const recordsOf = (benchmark: Benchmark, answered: ReadonlyArray<readonly [Pending, Asked]>) =>
  Effect.forEach(
    answered,
    ([{ item, request }, got]): Effect.Effect<ItemRecord, Errors.BadInput | Errors.NonFinite> => {
      if ("tooLong" in got) return Effect.succeed({ id: item.id, tooLong: true, tokens: got.tooLong })
      const where = `${benchmark.name}, item ${quote(item.id)}`
      if (got.answer.scores?.every((score) => Number.isFinite(score)) === false)
        return Effect.fail(new Errors.NonFinite({ tensor: `a log-likelihood of ${where}` }))
      const values = item.values(got.answer)
      if (Result.isSuccess(values))
        return Effect.succeed(recordOf(benchmark, item, values.success, got.answer, { request, cutOff: got.cutOff }))
      const found = "an answer that is not of its form"
      return Effect.fail(new Errors.BadInput({ where, found, expected: values.failure }))
    },
  )

/** The figures over the records of a benchmark's items. */
export const evaluated = (benchmark: Benchmark, records: ReadonlyArray<ItemRecord>): Evaluated => {
  const answered = records.flatMap((record) => ("tooLong" in record ? [] : [record]))
  const tooLong = records.flatMap((record) => ("tooLong" in record ? [record.id] : []))
  const texts = answered.filter(({ answer }) => answer.kind === "text")
  return {
    measures: [
      ...measures(benchmark, answered),
      ...share(benchmark, "too_long", tooLong.length, records.length),
      ...share(benchmark, "cut_off", texts.filter(({ cutOff }) => cutOff === true).length, texts.length),
    ],
    answers: [],
    records: answered,
    tooLong,
  }
}
