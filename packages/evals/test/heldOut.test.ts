import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Errors, RemoteJudge, Reward, Rubric, type Task } from "hmx"
import { describe, expect, expectTypeOf, it } from "vitest"
import { counted, heldOut, humanLikeWords } from "../src/index.ts"
import { figures, layers, run } from "./support.ts"

const rubric = Rubric.make("warmth", {
  version: 1,
  criteria: [
    { name: "feels", ask: "Feels?", anchors: { low: "no", high: "yes" }, weight: 1 },
    { name: "wants", ask: "Wants?", anchors: { low: "no", high: "yes" }, weight: 3 },
  ],
  readOut: Rubric.yesNo(),
  scale: { min: 0, max: 1 },
})

/** P(yes) is 0.9 where the answer has the word that the criterion asks for, and 0.2 elsewhere. */
const choice = ({ context, continuation }: { readonly context: string; readonly continuation: string }) => {
  const asked = context.includes("Feels?") ? "I feel" : "I want"
  const yes = context.includes(asked) ? 0.9 : 0.2
  return Math.log(continuation === "yes" ? yes : 1 - yes)
}

describe("heldOut", () => {
  it("gives the mean score, the mean of each criterion, and answers to look at", async () => {
    const result = await Effect.runPromise(
      run(heldOut(rubric, "frozen"), {
        heldOut: ["one", "two"],
        words: ["I feel", "I want"],
        answer: ({ question }) => (question === "one" ? "I feel." : "I want."),
        choice,
      }),
    )
    const found = figures(result)
    expect(found["feels"]?.value).toBeCloseTo(0.55, 12)
    expect(found["wants"]?.value).toBeCloseTo(0.55, 12)
    // (0.9 + 3 · 0.2) / 4 = 0.375 and (0.2 + 3 · 0.9) / 4 = 0.725
    expect(found["score"]?.value).toBeCloseTo(0.55, 12)
    expect(found["score"]?.stderr).toBeCloseTo(0.175, 12)
    expect(found["score"]?.n).toBe(2)
    expect(found["unscored"]?.value).toBe(0)
    expect(result.answers).toEqual([
      { question: "one", answer: "I feel." },
      { question: "two", answer: "I want." },
    ])
  })

  it("samples with the options it is given, alike before and after training", async () => {
    const asked: Array<unknown> = []
    await Effect.runPromise(
      run(heldOut(rubric, "frozen", { answers: 3, maxNewTokens: 7, temperature: 0.5 }), {
        heldOut: ["one"],
        answer: ({ key, params }) => {
          asked.push({ key, params })
          return "no"
        },
      }),
    )
    expect(asked).toHaveLength(3)
    expect(asked[0]).toEqual({ key: { seed: 1, step: 0, prompt: 0 }, params: { maxNewTokens: 7, temperature: 0.5 } })
  })

  it("counts an answer without a verdict in no mean", async () => {
    const found = figures(
      await Effect.runPromise(
        run(heldOut(rubric, "frozen", { unfinished: "unscored", maxNewTokens: 8 }), {
          heldOut: ["one", "two"],
          answer: ({ question }) => (question === "one" ? "I feel." : "far too long to be finished"),
          choice,
        }),
      ),
    )
    expect(found["score"]).toEqual({ value: expect.closeTo(0.375, 12), stderr: 0, n: 1 })
    expect(found["unscored"]?.value).toBe(0.5)
  })

  it("asks a server where the judge is remote, and says so where there is none", async () => {
    const task = heldOut(rubric, "remote")
    const without = await Effect.runPromise(Effect.flip(run(task, { heldOut: ["one"] })))
    expect(without).toMatchObject({ _tag: "BadInput", found: "no remote judge" })
    const server = Layer.succeed(RemoteJudge, {
      read: (readings) => Effect.succeed(readings.map(() => ({ logprobs: [Math.log(0.25), Math.log(0.75)] }))),
    })
    const result = await Effect.runPromise(run(task, { heldOut: ["one"] }).pipe(Effect.provide(server)))
    expect(figures(result)["score"]?.value).toBeCloseTo(0.25, 12)
    // A server of which nothing can be read costs the score, and no other figure.
    let asked = 0
    const mute = Layer.succeed(RemoteJudge, {
      read: () => Effect.suspend(() => (asked++, Effect.fail(new Errors.Unparseable({ text: "perhaps" })))),
    })
    const silent = figures(await Effect.runPromise(run(task, { heldOut: ["one"] }).pipe(Effect.provide(mute))))
    expect([asked, silent["unscored"]?.value, silent["score"]?.n]).toEqual([3, 1, 0])
  })

  it("is a benchmark, and settles nothing, where no judge reads the reward", () => {
    const brevity = Reward.make("brevity", { version: 1, score: (c) => 1 / c.tokens })
    expectTypeOf(heldOut(brevity, "frozen")).toEqualTypeOf<Task.Task<"benchmark">>()
    expectTypeOf(heldOut(rubric, "frozen")).toEqualTypeOf<Task.Task<"held-out">>()
    expect(heldOut(brevity, "frozen").kind).toBe("benchmark")
    expect(heldOut(rubric, "frozen").kind).toBe("held-out")
    expect(heldOut(Reward.mix([1, brevity]), "frozen").kind).toBe("benchmark")
    expect(heldOut(Reward.mix([1, brevity], [1, rubric]), "frozen").kind).toBe("held-out")
  })

  it("refuses a number of answers that is none", () => {
    expect(() => heldOut(rubric, "frozen", { answers: 0 })).toThrow(
      "answers must be a whole number of at least 1, not 0",
    )
  })
})

describe("counted", () => {
  it("gives a mean an answer with its standard error over questions", async () => {
    const found = figures(
      await Effect.runPromise(
        run(counted("letters", { version: 1, counts: { a: ({ text }) => text.split("a").length - 1 } }), {
          heldOut: ["one", "two", "three"],
          answer: ({ question }) => (question === "one" ? "a" : question === "two" ? "aaa" : "b"),
        }),
      ),
    )
    expect(found["a"]?.value).toBeCloseTo(4 / 3, 12)
    expect(found["a"]?.stderr).toBeCloseTo(Math.sqrt((1 / 9 + 25 / 9 + 16 / 9) / 2 / 3), 12)
  })
})

const asking = (maxNewTokens: number) => [humanLikeWords({ maxNewTokens }), heldOut(rubric, "frozen", { maxNewTokens })]

describe("answers to held-out questions", () => {
  it("are sampled once for the tasks of an evaluation that ask the same, and anew for another evaluation or another way of asking", async () => {
    let sampled = 0
    const given = { heldOut: ["one", "two"], answer: () => `I feel ${++sampled}.`, choice }
    const evaluation = (tasks: ReadonlyArray<Task.Task>) =>
      Effect.runPromise(Effect.forEach(tasks, (task) => task.run).pipe(Effect.provide(layers(given))))
    const [, judged] = await evaluation(asking(9))
    expect(sampled).toBe(2)
    expect(judged?.answers.map(({ answer }) => answer)).toEqual(["I feel 1.", "I feel 2."])
    await evaluation([...asking(9), ...asking(10)])
    expect(sampled).toBe(6)
  })
})

describe("humanLikeWords", () => {
  it("counts whole clauses of the speaker's, and nobody else's", async () => {
    const answers: { readonly [question: string]: string } = {
      warm: "I feel happy today, and I want to make tea tomorrow. I know that I am shy.",
      cold: "Anna wants to make tea tomorrow. I cannot feel sad.",
      broken: "I feel feel happy today. I want to I want to",
    }
    const found = figures(
      await Effect.runPromise(
        run(humanLikeWords({ maxNewTokens: 100 }), {
          heldOut: Object.keys(answers),
          answer: ({ question }) => answers[question] ?? "",
        }),
      ),
    )
    expect(found["clauses"]?.value).toBe(1)
    expect(found["feelings"]?.value).toBeCloseTo(1 / 3, 12)
    expect(found["intentions"]?.value).toBeCloseTo(1 / 3, 12)
    expect(found["self_awareness"]?.value).toBeCloseTo(1 / 3, 12)
    expect(found["denials"]?.value).toBeCloseTo(1 / 3, 12)
    expect(found["finished"]?.value).toBe(1)
    expect(found["distinct_2"]?.value).toBeLessThan(1)
  })
})
