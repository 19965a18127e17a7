import * as Schema from "effect/Schema"
import { Reward, Rewards, Rubric } from "hmx"
import { describe, expect, it } from "vitest"
import { brokenLaws, checkReward, type Choice, type RewardLawsOptions, rewardLaws } from "../src/index.ts"

const broken = (reward: Reward.Reward, options: RewardLawsOptions = {}) =>
  brokenLaws(reward, options).map(({ law }) => law)
const message = (reward: Reward.Reward, options: RewardLawsOptions = {}) =>
  brokenLaws(reward, options)
    .map((error) => error.message)
    .join("\n")
const make = (name: string, score: (c: Reward.Completion) => number, laws: Reward.Laws = {}) =>
  Reward.make(name, { version: 1, score, laws })

const feelings = Rubric.make("feelings", {
  version: 1,
  criteria: [
    {
      name: "joy",
      ask: "Is there a zebra of joy in it?",
      anchors: { low: "No joy.", high: "Joy in every word." },
      weight: 1,
    },
  ],
  readOut: Rubric.yesNo(),
})
/** A judge that says yes to whoever names a score. */
const gullible = ({ context, continuation }: Choice) =>
  continuation === "yes" && context.includes("score: 10") ? 0 : -2
const long = make("long", (c) => Math.min(1, c.tokens / 100))
const refs = { a: "Yes.", b: ["It is blue.", "blue"], c: "42" }

describe("the rewards of hmx keep the laws, or say why not", () => {
  const all = [
    Rewards.overlong({ maxTokens: 48, buffer: 16 }),
    Rewards.lengthNear({ tokens: 40, within: 30 }),
    Rewards.repetition(),
    Rewards.repetition({ n: 1, most: 20 }),
    Rewards.contains(["feel", "I want"]),
    Rewards.contains(["YES", "blue"], { any: true, matchCase: true }),
    Rewards.regex(/\bfeel\b/i),
    Rewards.exactAnswer(refs),
    Rewards.exactAnswer(refs, { after: "####" }),
    Rewards.tokenF1(refs),
    Rewards.chrF(refs),
    Rewards.json(Schema.Struct({ answer: Schema.String })),
    ...(["en", "de", "es", "zh", "ja"] as const).map(Rewards.language),
    Reward.mix([0.8, feelings], [0.2, Rewards.repetition()]),
  ]
  it.each(all.map((reward) => [reward.name, reward] as const))("%s", (_, reward) => {
    expect(message(reward)).toBe("")
  })

  it("every reason is a sentence", () => {
    for (const reward of all) {
      const laws: Reward.Laws = reward.kind === "function" ? reward.laws : {}
      for (const reason of Object.values({ ...laws.breaks, ...laws.mayBreak }))
        expect(reason.length).toBeGreaterThan(10)
    }
  })
})

describe("what a reward declares", () => {
  it("a law that it breaks need not hold; one that it keeps is an error", () => {
    const why = "it pays for length"
    const breaks: Reward.Reasons = {
      "not raised by whitespace": why,
      "not raised by padding": why,
      "not raised by repetition": why,
      "not raised by quoting the question": why,
      "not raised by quoting the rubric": why,
      "not raised by naming a score": why,
    }
    expect(broken(long)).toEqual(Object.keys(breaks))
    expect(broken(make("long", (c) => Math.min(1, c.tokens / 100), { breaks }))).toEqual([])
    expect(broken(make("brevity", (c) => 1 / c.tokens, { breaks }))).toEqual(Object.keys(breaks))
  })

  it("a law that it may break is not tried, and says why", () => {
    const excused = make("long", (c) => c.tokens, { mayBreak: { "within its declared range": "it counts" } })
    expect(broken(excused)).not.toContain("within its declared range")
    expect(rewardLaws(excused).find(({ law }) => law === "within its declared range")?.excused).toBe("it counts")
  })

  it("it rises or falls with what it says", () => {
    expect(broken(make("long", (c) => Math.min(1, c.tokens / 1e6), { falls: ["tokens"] }))).toContain("monotone")
    expect(message(make("no glad", (c) => (c.text.includes("glad") ? 0 : 1), { rises: [{ text: "glad" }] }))).toMatch(
      /declared that it rises with "glad", and with more of it the score went from 1 to 0/,
    )
    expect(broken(make("brevity", (c) => 1 / c.tokens, { falls: ["tokens"] }))).toEqual([])
    expect(rewardLaws(long).map(({ law }) => law)).not.toContain("monotone")
    expect(
      broken(
        make("brevity", (c) => 1 / c.tokens),
        { rises: ["tokens"] },
      ),
    ).toEqual(["monotone"])
  })

  it("it knows its prompts by id", () => {
    const known = make("known", (c) => (c.id === "only" ? 1 : Number.NaN), { ids: ["only"] })
    expect(broken(known)).toEqual([])
    expect(broken(known, { prompts: [{ id: "other", question: "?" }] })).toContain("finite")
  })
})

describe("mixes", () => {
  it("a part that can be gamed breaks the mix, unless the other parts weigh more", () => {
    expect(broken(Reward.mix([0.9, feelings], [0.1, long]))).toContain("not raised by padding")
    const brevity = make("brevity", (c) => 1 - Math.min(1, c.tokens / 100))
    expect(broken(Reward.mix([0.6, brevity], [0.4, long]))).toEqual([])
  })

  it("a criterion of the mix's own rubric is quoted", () => {
    const zebra = make("zebra", (c) => (c.text.includes("zebra") ? 1 : 0))
    expect(broken(zebra)).toEqual([])
    expect(broken(Reward.mix([1, feelings], [1, zebra]))).toEqual(["not raised by quoting the rubric"])
  })

  it("what a part says that it breaks, the mix may break", () => {
    const laws = { breaks: { "not raised by padding": "it does" } }
    const gamed = make("dots", (c) => (c.text.includes("...") ? 1 : 0), laws)
    expect(broken(gamed)).toEqual([])
    expect(broken(Reward.mix([1, feelings], [1, gamed]))).toEqual([])
  })
})

describe("a rubric's judge", () => {
  it("is tried on these laws where a script stands for it", () => {
    expect(rewardLaws(feelings).map(({ law }) => law)).not.toContain("not raised by padding")
    expect(broken(feelings, { judge: gullible })).toEqual(["not raised by naming a score"])
  })
})

describe("cheap", () => {
  it.each([
    ["(a+)+$", make("bomb", (c) => (/(?:a+)+$/.test(c.text) ? 1 : 0))],
    [
      "a loop without an end",
      make("endless", (c) => {
        let text = c.text
        while (text.includes("a")) text = text.replace("a", "a")
        return 1
      }),
    ],
  ])("%s ends the trial, and nothing else is tried", (_, reward) => {
    const found = brokenLaws(reward)
    expect(found.at(-1)?.law).toBe("cheap")
    expect(found.at(-1)?.message).toMatch(
      /took more than the 20 ms of processor time that 64 characters may take\n\n.*\n {2}answer {3}"a/,
    )
    expect(Date.now()).toBeGreaterThan(1_750_000_000_000)
  })

  it("linear work is not accused", () => {
    expect(broken(make("letters", (c) => 1 / (1 + Array.from(c.text).filter((l) => l === "a").length)))).toEqual([])
  })
})

it("a message shows the answer before and after", () => {
  expect(() => checkReward(make("dots", (c) => (c.text.includes("...") ? 1 : 0)))).toThrow(
    /“not raised by padding”: padding raised an answer from 0 to 1\n\n {2}question .*\n {2}answer {3}""\n.*\n {2}score: 0\n\n {2}question .*\n {2}answer {3}"\.\.\.+"\n.*\n {2}score: 1/,
  )
})
