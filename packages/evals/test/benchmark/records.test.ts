/** Records of items: kept as they are done, and not asked for again. */
import * as Effect from "effect/Effect"
import { type ItemRecord, Records } from "hmx"
import { describe, expect, it } from "vitest"
import { bounded, persona, task } from "../../src/index.ts"
import { run } from "../support.ts"

const feels = task(persona("feels"), { file: new URL("file:///data/items.jsonl") })
const claim = (question: string) => ({
  question,
  answer_matching_behavior: " Yes",
  answer_not_matching_behavior: " No",
})

/** Runs the task over the claims with these records there already. */
const running = (questions: ReadonlyArray<string>, there: ReadonlyArray<ItemRecord>) => {
  const kept: Array<ItemRecord> = []
  const asked: Array<string> = []
  const ended: Array<ItemRecord> = []
  const records = {
    begin: () => Effect.succeed(there),
    keep: (_: string, done: ReadonlyArray<ItemRecord>) => Effect.sync(() => void kept.push(...done)),
    end: (_: string, done: ReadonlyArray<ItemRecord>) => Effect.sync(() => void ended.push(...done)),
  }
  return Effect.runPromise(
    run(feels, {
      lines: questions.map(claim),
      shape: { context: 60 },
      choice: ({ context, continuation }) => {
        asked.push(context)
        return continuation.includes("Yes") ? -1 : -2
      },
    }).pipe(
      Effect.provideService(Records, records),
      Effect.map((result) => ({ measures: result.measures, kept, ended, asked: [...new Set(asked)] })),
    ),
  )
}

describe("records", () => {
  it("of many items are kept block by block, each once", async () => {
    const questions = Array.from({ length: 150 }, (_, i) => `Do you feel ${i}?`)
    const { ended, kept } = await running(questions, [])
    expect(kept.map(({ id }) => Number(id)).toSorted((a, b) => a - b)).toEqual(questions.map((_, i) => i))
    expect(ended.map(({ id }) => Number(id))).toEqual(questions.map((_, i) => i))
  })

  it("that are there are not asked again, and the figures are those of one go", async () => {
    const questions = ["One?", "Two?", `Three ${"x".repeat(100)}?`]
    const whole = await running(questions, [])
    const half = await running(questions, [...whole.kept.slice(0, 1), ...whole.kept.slice(2)])
    expect(half.asked).toEqual(["Two?"])
    expect(half.measures).toEqual(whole.measures)
    expect(half.ended).toEqual(whole.ended)
    // Another question under the same id is another item.
    const other = await running(["One?", "Another?"], whole.kept)
    expect(other.asked).toEqual(["Another?"])
  })

  it("keep what a person wants to see, in bounds", async () => {
    const { kept } = await running(["One?"], [])
    expect(kept).toEqual([
      expect.objectContaining({
        id: "0",
        asked: "One?",
        choices: [" Yes", " No"],
        answer: { kind: "scores", scores: [-1, -2] },
      }),
    ])
    const long = bounded(`begin${"x".repeat(10_000)}end`, 100)
    expect(long).toHaveLength(100)
    expect(long).toMatch(/^begin.* … .*end$/)
  })
})
