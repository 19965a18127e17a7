import * as Schema from "effect/Schema"
import { identity, Judge, type Reward, Rewards } from "hmx"
import { describe, expect, it } from "vitest"

/** What a reward gives for an answer. */
const of = (reward: Reward.Plain, text: string, more: Partial<Reward.Completion> = {}): number | undefined => {
  const completion = { id: "a", question: "Are you happy?", text, finish: "stop" as const, tokens: 10, ...more }
  const verdict = Judge.plan(reward, completion).verdict([])
  return verdict._tag === "Scored" ? verdict.score : undefined
}

describe("length", () => {
  it("overlong is DAPO's equation 13", () => {
    const reward = Rewards.overlong({ maxTokens: 100, buffer: 20 })
    expect([10, 80, 90, 100, 500].map((tokens) => of(reward, "", { tokens }))).toEqual([0, 0, -0.5, -1, -1])
    expect(() => Rewards.overlong({ maxTokens: 10, buffer: 10 })).toThrow(
      "maxTokens must be a whole number of at least 11",
    )
  })

  it("length near is 1 at its target and 0 at its distance", () => {
    const reward = Rewards.lengthNear({ tokens: 40, within: 20 })
    expect([40, 30, 50, 20, 60, 1].map((tokens) => of(reward, "", { tokens }))).toEqual([1, 0.5, 0.5, 0, 0, 0])
  })
})

describe("words", () => {
  it("repetition counts repeated n-grams", () => {
    const reward = Rewards.repetition({ n: 2, most: 4 })
    expect(of(reward, "a b c d")).toBe(1)
    expect(of(reward, "a b a b")).toBe(0.75)
    expect(of(reward, "a b, A B! a-b a b a b a b a b")).toBe(0)
  })

  it("contains gives the share that it holds, and no quotes", () => {
    const both = Rewards.contains(["happy", "I want"])
    expect(of(both, "i  want to, so HAPPY")).toBe(1)
    expect(of(both, "Are you  happy? I want")).toBe(0.5)
    expect(of(Rewards.contains(["Happy", "sad"], { any: true, matchCase: true }), "happy, sad")).toBe(1)
    expect(of(Rewards.contains(["Happy"], { matchCase: true }), "happy")).toBe(0)
    expect(() => Rewards.contains([])).toThrow("texts that are not empty")
  })

  it("regex tests the text, and refuses flags that remember", () => {
    expect(of(Rewards.regex(/^yes\b/i), "Yes, I am")).toBe(1)
    expect(of(Rewards.regex(/^yes\b/i), "Oh yes")).toBe(0)
    expect(() => Rewards.regex(/a/g)).toThrow("not g")
    const [a, b] = [identity({ reward: Rewards.regex(/a/) }), identity({ reward: Rewards.regex(/b/) })]
    expect(a.canonical).not.toBe(b.canonical)
  })
})

describe("references", () => {
  it("exact answer is SQuAD's exact match", () => {
    const reward = Rewards.exactAnswer({ a: ["The blue one.", "blue"], b: "42" })
    expect(["blue one", "BLUE!", "It is blue", ""].map((text) => of(reward, text))).toEqual([1, 1, 0, 0])
    expect(of(reward, "42", { id: "toString" })).toBeUndefined()
    const marked = Rewards.exactAnswer({ a: "42" }, { after: "####" })
    expect(["6 times 7\n#### 42\nDone.", "#### 41 #### 42", "42", "#### 41"].map((t) => of(marked, t))).toEqual([
      1, 1, 0, 0,
    ])
    expect(() => Rewards.exactAnswer({ a: " " })).toThrow("the reference of a must not be empty")
  })

  it("token F1 is SQuAD's", () => {
    const reward = Rewards.tokenF1({ a: "a quick brown fox" })
    expect(of(reward, "the quick brown dog")).toBeCloseTo(2 / 3, 12)
    expect(of(reward, "Quick, brown fox")).toBe(1)
    expect(of(reward, "dog")).toBe(0)
  })

  it("chrF averages over orders, and weighs recall twice", () => {
    const reward = Rewards.chrF({ a: "abc", b: ["ab", "🙂🙂"] })
    expect(of(reward, "a b c")).toBe(1)
    // Orders 1 and 2 both exist in "ab": precision (1, 1), recall (2/3, 1/2).
    const [p, r] = [1, (2 / 3 + 1 / 2) / 2]
    expect(of(reward, "ab")).toBeCloseTo((5 * p * r) / (4 * p + r), 12)
    expect(of(reward, "🙂🙂", { id: "b" })).toBe(1)
    expect(of(reward, "")).toBe(0)
  })
})

describe("form", () => {
  it("JSON is of the schema, with or without a fence", () => {
    const reward = Rewards.json(Schema.Struct({ answer: Schema.String }))
    const texts = [
      '{"answer":"yes"}',
      ' ```json\n{"answer": "yes"}\n``` ',
      '{"answer":1}',
      'Sure: {"answer":"yes"}',
      "",
      "```",
    ]
    expect(texts.map((text) => of(reward, text))).toEqual([1, 1, 0, 0, 0, 0])
    const other = Rewards.json(Schema.Struct({ answer: Schema.Number }))
    expect(identity({ reward }).canonical).not.toBe(identity({ reward: other }).canonical)
  })

  it("language is told by stop words and scripts", () => {
    const [en, de, ja, zh] = (["en", "de", "ja", "zh"] as const).map(Rewards.language)
    if (en === undefined || de === undefined || ja === undefined || zh === undefined) throw new Error("four were made")
    expect(of(en, "I do not know what it is for.")).toBe(1)
    expect(of(de, "Ich weiß nicht, ob das für mich ist.")).toBeGreaterThan(0.7)
    expect(of(en, "Ich weiß nicht, wie ich mich fühle.")).toBe(0)
    expect(of(zh, "我很高兴")).toBe(1)
    expect(of(ja, "私は嬉しいです")).toBe(1)
    expect(of(zh, "私は嬉しい 東京")).toBe(0)
    expect(of(en, "42! 🙂")).toBeUndefined()
  })
})

it("what a reward says of its laws is no part of its identity", () => {
  const { laws, ...rest } = Rewards.repetition()
  expect(laws).toEqual({ falls: ["tokens"] })
  expect(identity({ reward: { ...rest, laws: {} } }).canonical).toBe(
    identity({ reward: Rewards.repetition() }).canonical,
  )
})
