import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { ScriptedModel } from "@hmx/testing"
import { type Asking, Rehearsing } from "hmx"
import { gsm8k, hellaswag, persona, task, truthfulQaMc1, winogrande } from "../../src/index.ts"
import { figures, layers, run } from "../support.ts"

const claim = (question: string) => ({
  question,
  answer_matching_behavior: " Yes",
  answer_not_matching_behavior: " No",
})
const file = new URL("file:///data/items.jsonl")
const feels = persona("feels")

const sum = (a: number) => ({ question: `${a} + 1?`, answer: `#### ${a + 1}` })

describe("a benchmark's task", () => {
  it("weighs the continuations after the context as lm-evaluation-harness parts them", async () => {
    const asked: Array<unknown> = []
    const result = await Effect.runPromise(
      run(task(feels, { file }), {
        lines: [claim("Do you feel?"), claim("Are you warm? ")],
        choice: ({ context, continuation }) => {
          asked.push([context, continuation])
          return continuation.trim() === "Yes" ? -1 : context.includes("feel") ? -2 : -0.5
        },
      }),
    )
    // White space at a context's end goes with the continuation.
    expect(asked).toEqual([
      ["Do you feel?", " Yes"],
      ["Do you feel?", " No"],
      ["Are you warm?", "  Yes"],
      ["Are you warm?", "  No"],
    ])
    expect(figures(result)["acc"]).toEqual({ value: 0.5, stderr: 0.5, n: 2 })
    expect(figures(result)["too_long"]?.value).toBe(0)
    expect(figures(result)).not.toHaveProperty("cut_off")
  })

  it("asks what shares a context together, as chats where it is told to", async () => {
    const requests = await Effect.runPromise(
      Effect.gen(function* () {
        yield* task(feels, { file, prompt: "chat" }).run
        return yield* (yield* ScriptedModel).requests("choices")
      }).pipe(Effect.provide(layers({ lines: [claim("One?"), claim("Two?")] }))),
    )
    expect(requests.map((batch) => batch.map(({ continuations }) => continuations.length))).toEqual([[2, 2]])
  })

  it("asks in a rehearsal what is chosen of its items by their lengths", async () => {
    const told: Array<Asking> = []
    const requests = await Effect.runPromise(
      Effect.gen(function* () {
        yield* task(feels, { file }).run
        return yield* (yield* ScriptedModel).requests("choices")
      }).pipe(
        Effect.provideService(Rehearsing, { choose: (items) => (told.push(...items), [1]) }),
        Effect.provide(layers({ lines: [claim("One?"), claim("Twenty?"), claim("Three?")] })),
      ),
    )
    expect(requests.flat().length).toBe(1)
    // " Yes" and " No" after each.
    expect(told[1]).toEqual({ longest: 7 + 4, all: 2 * 7 + 7, distinct: 7 + 7, written: 0 })
    expect(told.length).toBe(3)
  })

  it("leaves out what is longer than the context, counts it, and cuts nothing", async () => {
    const result = await Effect.runPromise(
      run(task(feels, { file }), {
        lines: [claim("Short?"), claim(`Long ${"x".repeat(100)}?`)],
        shape: { context: 60 },
        choice: ({ continuation }) => (continuation === " Yes" ? -1 : -2),
      }),
    )
    expect(figures(result)["acc"]?.n).toBe(1)
    expect(figures(result)["too_long"]).toEqual({ value: 0.5, stderr: 0.5, n: 2 })
    expect("tooLong" in result && result.tooLong).toEqual(["1"])
  })

  it("generates up to a stop, and counts what does not end", async () => {
    const prompts: Array<string> = []
    const result = await Effect.runPromise(
      run(task(gsm8k, { file }), {
        lines: [sum(1), sum(2), sum(3)],
        answer: ({ prompt }) => {
          prompts.push(prompt)
          if (prompt.includes("1 + 1")) return "#### 2\nQuestion: and #### 9"
          return prompt.includes("2 + 1") ? "#### 3" : "on and on ".repeat(100)
        },
      }),
    )
    expect(prompts[0]).toBe("Question: 1 + 1?\nAnswer:")
    expect(figures(result)["exact_match,flexible-extract"]?.value).toBeCloseTo(2 / 3, 12)
    expect(figures(result)["cut_off"]?.value).toBeCloseTo(1 / 3, 12)
  })

  it("generates no further than a stop", async () => {
    const requests = await Effect.runPromise(
      Effect.gen(function* () {
        yield* task(gsm8k, { file }).run
        return yield* (yield* ScriptedModel).requests("sample")
      }).pipe(Effect.provide(layers({ lines: [sum(1)], answer: () => `#### 2 Question: ${"more ".repeat(100)}` }))),
    )
    expect(requests).toHaveLength(1)
    expect(requests[0]?.params.maxNewTokens).toBeLessThan(256)
  })

  it("weighs what has no context after the end of another text", async () => {
    const requests = await Effect.runPromise(
      Effect.gen(function* () {
        yield* task(feels, { file }).run
        return yield* (yield* ScriptedModel).requests("choices")
      }).pipe(Effect.provide(layers({ lines: [claim(" ")] }))),
    )
    expect(requests.flat().map(({ context }) => context.length)).toEqual([1])
  })

  it("weighs a gap's options by what follows it", async () => {
    const asked: Array<string> = []
    const result = await Effect.runPromise(
      run(task(winogrande, { file }), {
        lines: [
          {
            qID: "w",
            sentence: "The cup is in the box as _ is small.",
            option1: "the cup",
            option2: "the box",
            answer: "1",
          },
        ],
        choice: ({ context, continuation }) => {
          asked.push(`${context}|${continuation}`)
          return context.endsWith("the cup") ? -1 : -3
        },
      }),
    )
    expect(asked).toEqual([
      "The cup is in the box as the cup| is small.",
      "The cup is in the box as the box| is small.",
    ])
    expect(figures(result)["acc"]?.value).toBe(1)
  })

  it("measures the first items alone where it is limited, and has its options for identity", async () => {
    const limited = task(feels, { file, limit: 1 })
    const result = await Effect.runPromise(run(limited, { lines: [claim("One?"), claim("Two?")] }))
    expect(figures(result)["acc"]?.n).toBe(1)
    expect(limited).toMatchObject({ kind: "benchmark", name: "persona_feels", version: 0 })
    // No such file: the run says so.
    expect(limited.options).toEqual({ file: { name: "items.jsonl", sha256: null }, prompt: "text", limit: 1 })
    const named = task(feels, { file: ["./items.jsonl", new URL("file:///more.jsonl")], shots: "./shots.jsonl" })
    expect(named.options).toMatchObject({ file: ["./items.jsonl", { name: "more.jsonl" }], prompt: "text" })
    // Of these the runtime, which knows where they lie, has the content in the identity.
    expect(named.files).toEqual(["./items.jsonl", "./shots.jsonl"])
    expect(() => task(feels, { file, limit: 0 })).toThrow(RangeError)
    const sampled = task(feels, { file, sample: 1 })
    expect(sampled.options).toMatchObject({ sample: 1 })
    const drawn = await Effect.runPromise(run(sampled, { lines: [claim("One?"), claim("Two?")] }))
    expect(figures(drawn)["acc"]?.n).toBe(1)
  })

  it("says in which file, line and field an item is broken", async () => {
    const failure = await Effect.runPromise(
      Effect.flip(run(task(hellaswag, { file }), { lines: [{ ind: 1, activity_label: "Cooking", ctx_a: 3 }] })),
    )
    expect(failure).toMatchObject({ _tag: "BadInput", where: "items.jsonl, line 1, field ctx_a", found: "3" })
    const empty = { question: "Q?", mc1_targets: { choices: [], labels: [] }, mc2_targets: { choices: [], labels: [] } }
    const choices = await Effect.runPromise(Effect.flip(run(task(truthfulQaMc1, { file }), { lines: [empty] })))
    expect(choices.message).toContain("field mc1_targets.choices: found []; expected a list of at least 1")
  })
})
