import { Reward, Rubric } from "hmx"
import { describe, expect, it } from "vitest"
import { checkReward, LawBroken, type LawName, rewardLaws, type RewardLawsOptions } from "../src/index.ts"
import { inWorld, still } from "../src/_internals/world.ts"
import { planted, reward } from "./fixtures/planted.ts"

const broken = (subject: Reward.Reward, options: RewardLawsOptions = {}): ReadonlyArray<string> =>
  rewardLaws(subject, options).flatMap(({ law, run }) => {
    try {
      run()
      return []
    } catch (error) {
      return error instanceof LawBroken && error.law === law ? [law] : [String(error)]
    }
  })

const throws = (run: () => void): boolean => {
  try {
    run()
    return false
  } catch {
    return true
  }
}

const message = (subject: Reward.Reward, options: RewardLawsOptions = {}): string => {
  try {
    checkReward(subject, options)
    return "kept"
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const criterion = (name: string, weight: number) => ({
  name,
  ask: `Does the answer speak of ${name}?`,
  anchors: { low: "not at all", high: "in every sentence" },
  weight,
})

const moving = () => {
  let calls = 0
  return reward("novelty", () => (++calls % 5) / 5)
}

/** Whether the law by itself finds it. */
const finds = (law: LawName, subject: Reward.Reward, seed: number): boolean => {
  const found = rewardLaws(subject, { seed }).find((one) => one.law === law)
  return found !== undefined && throws(found.run)
}

/** The answer that the message shows, of a reward that breaks its range on some texts. */
const shown = (breaks: (text: string) => boolean): string | undefined =>
  /answer {3}(".*")/.exec(message(reward("planted", (c) => (breaks(c.text) ? 2 : 0))))?.[1]

describe("planted mistakes", () => {
  it.each(planted)("%s breaks: %s", (name, law, make) => {
    expect([1, 2, 3].map((seed) => finds(law, reward(name, make()), seed))).toEqual([true, true, true])
  })

  it("is found in a part of a mix, and named", () => {
    const nan = reward("nan", (c) => (c.text === "" ? Number.NaN : 0.5))
    const fine = reward("fine", () => 0.5)
    expect(message(Reward.mix([0.2, fine], [0.8, nan]))).toContain("“finite”: nan gave NaN")
  })
})

describe("good rewards", () => {
  const good = [
    reward("brevity", (c) => 1 / c.tokens),
    reward("no questions", (c) => (c.text.includes("?") ? 0 : 1)),
    reward("finished answers only", (c) => (c.finish === "stop" ? 1 : undefined)),
    reward("says something", (c) => (/[\p{L}\p{N}]/u.test(c.text) ? undefined : 0)),
    Reward.make("signed", {
      version: 1,
      range: { min: -2, max: 2 },
      options: { most: 9 },
      score: (c, { most }) => 2 * Math.sign(most - c.tokens),
    }),
    Reward.make("a date in the answer", {
      version: 1,
      laws: { breaks: { "not raised by naming a score": "to Date, “score: 10” is a day of October" } },
      score: (c) => (Number.isNaN(new Date(c.text).getTime()) ? 0 : 1),
    }),
  ] as const
  it.each([...good, Reward.mix([3, good[0]], [1, good[1]], [0.5, good[4]])])("$name keeps every law", (subject) => {
    expect(() => checkReward(subject, { cases: 300 })).not.toThrow()
  })
})

describe("rubrics", () => {
  const feelings = Rubric.make("feelings", {
    version: 1,
    scale: { min: 1, max: 5 },
    criteria: [criterion("feelings", 0.7), criterion("intentions", 0.3)],
    readOut: Rubric.yesNo(),
  })
  const digits = Rubric.make("digits", {
    version: 1,
    criteria: [criterion("feelings", 1)],
    readOut: Rubric.digits({ from: 1, to: 5 }),
  })

  it.each([
    ["plain", feelings],
    ["reversed", feelings.reversed()],
    ["guided", feelings.guided()],
    ["digits", digits],
    ["mixed", Reward.mix([0.8, feelings], [0.2, reward("brevity", (c) => 1 / c.tokens)])],
  ])("%s: keeps every law", (_, subject) => {
    expect(broken(subject)).toEqual([])
  })

  it("the judge is the script's: one that reads nothing scores nothing, one that is sure scores the end of the scale", () => {
    expect(message(feelings, { judge: () => Number.NaN })).toContain("none of 100 answers was scored")
    expect(broken(feelings, { judge: ({ continuation }) => (continuation === "yes" ? 0 : -50) })).toEqual([])
  })

  it("a judge that remembers is found", () => {
    let asked = 0
    expect(broken(feelings, { judge: () => -(++asked % 7) })).toContain("deterministic")
  })
})

describe("the message", () => {
  it("names the law and shows the smallest answer, with what does not print written out", () => {
    const found = message(reward("no escapes", (c) => (c.text.includes("\x1b") ? 2 : 0)))
    expect(found).toContain(
      "no escapes breaks the law “within its declared range”: no escapes gave 2, and its range is 0 to 1",
    )
    expect(found).toMatch(/answer {3}"[^"]*\\u001b/)
    expect(found).not.toContain("\x1b")
    expect(message(reward("nan", (c) => (c.text === "" ? Number.NaN : 0)))).toMatch(
      /nan gave NaN\n\n {2}question .*\n {2}answer {3}""\n {11}1 token, ended/,
    )
  })

  it("shrinks: only what matters is left of the answer", () => {
    expect(shown((text) => text.includes("yes"))).toBe('"yes"')
    expect(shown((text) => /\p{Script=Han}/u.test(text))).toMatch(/^"\p{Script=Han}"$/u)
    expect(shown((text) => text.length > 30)?.length).toBe(33)
  })

  it("shows every broken law at once", () => {
    const found = message(reward("bad", (c) => (c.text === "" ? Number.NaN : Math.random() + 1)))
    for (const law of ["finite", "within its declared range", "deterministic"]) expect(found).toContain(`“${law}”`)
  })

  it("is the same every time", () => {
    const long = reward("long", (c) => (c.tokens > 9 ? 2 : 0))
    expect(message(long)).toBe(message(long))
  })
})

describe("exemptions", () => {
  const because = "it pays for what is new, and is never resumed"
  const pure = ["deterministic", "independent of order", "independent of the group", "joined by id"] as const
  const unpaid = ["whitespace", "padding", "repetition", "quoting the question", "quoting the rubric", "naming a score"]
  const breaks = Object.fromEntries(
    [...pure, ...unpaid.map((what) => `not raised by ${what}`)].map((law) => [law, because] as const),
  )

  it("a law with a reason need not hold", () => {
    expect(broken(moving())).toEqual(Object.keys(breaks))
    expect(broken(moving(), { breaks })).toEqual([])
  })

  it("an exemption from a law that holds is an error, and says so", () => {
    const constant = reward("constant", () => 0.5)
    expect(message(constant, { breaks: { deterministic: because } })).toBe(
      `constant is exempt from “deterministic” (${because}), and keeps it: take the exemption out`,
    )
  })

  it("a reason is needed", () => {
    expect(message(moving(), { breaks: { ...breaks, deterministic: " " } })).toContain("say why")
  })
})

describe("prompts", () => {
  const answers: { readonly [id: string]: string } = { a: "Yes.", b: "It is blue." }
  const exact = reward("exact", (c) => (answers[c.id] === undefined ? undefined : Number(answers[c.id] === c.text)))

  it("a reward that knows its prompts is tried on them", () => {
    expect(message(exact)).toContain("give them as { prompts }")
    checkReward(exact, {
      prompts: [
        { id: "a", question: "Is it?" },
        { id: "b", question: "Which colour is it?" },
      ],
    })
  })
})

it("the world is put back", () => {
  const { random } = Math
  const date = Date
  const own = Object.hasOwn(performance, "now")
  const thrower = reward("throws", () => {
    throw new Error("no")
  })
  expect(finds("finite", thrower, 1)).toBe(true)
  expect(() => inWorld(still, () => expect(Date.now()).toBe(still.now))).not.toThrow()
  expect(() =>
    inWorld(still, () => {
      throw new Error("no")
    }),
  ).toThrow("no")
  expect(Math.random).toBe(random)
  expect(Date).toBe(date)
  expect(Object.hasOwn(performance, "now")).toBe(own)
})
