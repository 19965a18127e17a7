import * as Effect from "effect/Effect"
import { Rubric } from "hmx"
import { describe, expect, it } from "vitest"
import { type Choice, judgeLaws, checkJudge, type JudgeLaw, type JudgeOptions, ScriptedModel } from "../src/index.ts"

const criterion = (name: string, weight: number) => ({
  name,
  ask: `Does the answer speak of ${name}?`,
  anchors: { low: "Not at all.", high: "In every sentence." },
  weight,
})
const feelings = Rubric.make("feelings", {
  version: 1,
  criteria: [criterion("joy", 1), criterion("plans", 3)],
  scale: { min: 1, max: 5 },
  readOut: Rubric.yesNo(),
})
const pairs = [
  { question: "How are you?", better: "I feel glad.", worse: "It is noon." },
  { question: "And now?", better: "I feel sad about it.", worse: "No." },
]

type Judging = (choice: Choice) => number
/** What a judge says yes to, by what stands in the answer. */
const yes =
  (sure: (answer: string) => number): Judging =>
  ({ context, continuation }) => {
    const answer = /Answer: (.*?)\nDoes/s.exec(context)?.[1] ?? ""
    const p = sure(answer)
    return Math.log(continuation === "yes" ? p : 1 - p)
  }
const good = yes((answer) => (/glad|sad|sea/.test(answer) ? 0.9 : 0.1))

const broken = (choice: Judging, options: JudgeOptions = { pairs }): Promise<ReadonlyArray<JudgeLaw>> =>
  Effect.runPromise(
    Effect.map(Effect.provide(judgeLaws(feelings, options), ScriptedModel.layer({ choice })), (findings) =>
      findings.filter(({ kept }) => !kept).map(({ law }) => law),
    ),
  )

describe("judges", () => {
  let calls = 0
  it.each<readonly [string, ReadonlyArray<JudgeLaw>, Judging]>([
    ["a good one", [], good],
    [
      "one that never knows",
      [
        "scores every answer",
        "says the same twice",
        "independent of the order of criteria",
        "agrees under paraphrase",
        "tells better from worse",
      ],
      () => Number.NaN,
    ],
    [
      "one that remembers",
      ["says the same twice", "independent of the order of criteria"],
      (choice) => good(choice) - (++calls % 7) / 50,
    ],
    [
      "one that looks at spelling",
      ["agrees under paraphrase"],
      yes((answer) => (/glad|sad|sea/.test(answer) ? 0.6 : 0.1) + (/['’]|\.$/.test(answer) ? 0.39 : 0)),
    ],
    [
      "one that believes what it reads",
      ["not raised by naming a score"],
      yes((answer) => (/10|yes|highest/.test(answer) ? 0.99 : /glad|sad|sea/.test(answer) ? 0.6 : 0.1)),
    ],
    [
      "one that has it the wrong way round",
      ["tells better from worse"],
      yes((answer) => (/glad|sad/.test(answer) ? 0.1 : 0.9)),
    ],
  ])("%s breaks: %j", async (_, laws, judge) => {
    expect(await broken(judge)).toEqual(laws)
  })

  it("of a reversed rubric, the better answer has the lower score", async () => {
    const found = await Effect.runPromise(
      Effect.provide(judgeLaws(feelings.reversed(), { pairs }), ScriptedModel.layer({ choice: good })),
    )
    expect(found.at(-1)).toMatchObject({ law: "tells better from worse", kept: true, figure: 0 })
  })

  it("wordings of one's own are tried, and the bounds are the author's", async () => {
    const paraphrases = [{ question: "How are you?", wordings: ["I feel glad.", "My mood is fine."] }]
    expect(await broken(good, { paraphrases, tolerance: 0.01 })).toEqual(["agrees under paraphrase"])
    expect(await broken(good, { paraphrases, tolerance: 0.2 })).toEqual([])
    expect(await broken(good, { pairs: [...pairs, { question: "?", better: "no", worse: "glad" }] })).toEqual([
      "tells better from worse",
    ])
    expect(
      await broken(good, { right: 0.5, pairs: [...pairs, { question: "?", better: "no", worse: "glad" }] }),
    ).toEqual([])
  })

  it("checkJudge fails with the figures and the worst case", async () => {
    const error = await Effect.runPromise(
      Effect.flip(Effect.provide(checkJudge(feelings, { pairs }), ScriptedModel.layer({ choice: yes(() => 0.5) }))),
    )
    expect(error.message).toBe(
      `feelings's judge breaks the law “tells better from worse”: share of 2 labelled pairs that it gets wrong is 1.000, and may be 0.250\n  worst: 3 for the better "I feel glad.", 3 for the worse "It is noon."\n`,
    )
  })
})
