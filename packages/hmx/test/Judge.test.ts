import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { type Artefact, groupAdvantages, Judge, Reward, Rubric } from "hmx"
import { expect, test } from "vitest"
import { humanLike } from "../../../rubrics/human-like.ts"
import { scripted } from "./scripted.ts"

const completion = (text: string, finish: "stop" | "length" = "stop"): Reward.Completion => ({
  id: "p1",
  question: "How are you?",
  text,
  finish,
  tokens: text.length,
})

/** A judge that finds each criterion as probable as the map says. */
const judge = (probable: (context: string) => number) =>
  scripted({
    logprob: (context, word) => Math.log(word === "yes" ? probable(context) : 1 - probable(context)),
  })

const scores = (verdicts: ReadonlyArray<Artefact.Verdict>) =>
  verdicts.map((v) => (v._tag === "Scored" ? v.score : null))
const probability = fc.double({ min: 0.001, max: 0.999, noNaN: true })
const criteria = fc.uniqueArray(
  fc.record({
    name: fc.string({ minLength: 1 }),
    weight: fc.double({ min: 0.1, max: 5, noNaN: true }),
    p: probability,
  }),
  {
    selector: (c) => c.name,
    minLength: 1,
    maxLength: 4,
  },
)
const made = (parts: ReadonlyArray<{ readonly name: string; readonly weight: number }>, scale: Reward.Range) =>
  Rubric.make("made", {
    version: 1,
    readOut: Rubric.yesNo(),
    scale,
    criteria: parts.map(({ weight }, i) => ({
      name: `c${i}`,
      weight,
      ask: `ask ${i}`,
      anchors: { low: "l", high: "h" },
    })),
  })
const results = (ps: ReadonlyArray<number>): ReadonlyArray<Judge.Result> =>
  ps.map((p) => ({ logprobs: [Math.log(p), Math.log(1 - p)] }))

test("a rubric's score is the weighted mean of its criteria, within its scale; turned round it is min + max − score", () => {
  fc.assert(
    fc.property(
      criteria,
      fc.double({ min: -10, max: 9, noNaN: true }),
      fc.double({ min: 0.5, max: 20, noNaN: true }),
      (parts, min, width) => {
        const scale = { min, max: min + width }
        const rubric = made(parts, scale)
        const ps = parts.map((c) => c.p)
        const score = scores([Judge.plan(rubric, completion("t")).verdict(results(ps))])[0] ?? Number.NaN
        const total = parts.reduce((sum, c) => sum + c.weight, 0)
        const mean = parts.reduce((sum, c) => sum + c.weight * c.p, 0) / total
        expect(score).toBeCloseTo(min + mean * width, 9)
        expect(score).toBeGreaterThanOrEqual(scale.min)
        expect(score).toBeLessThanOrEqual(scale.max)
        const turned = scores([Judge.plan(rubric.reversed(), completion("t")).verdict(results(ps))])[0]
        expect(turned).toBeCloseTo(scale.min + scale.max - score, 9)
      },
    ),
  )
})

test("turning a rubric round turns the advantages round", () => {
  const rubric = made([{ name: "a", weight: 1 }], { min: 0, max: 10 })
  fc.assert(
    fc.property(fc.array(probability, { minLength: 2, maxLength: 8 }), (ps) => {
      const of = (r: Rubric.Rubric) =>
        groupAdvantages(
          ps.map((p) => scores([Judge.plan(r, completion("t")).verdict(results([p]))])[0] ?? null),
          { scale: "group", stdEpsilon: 0.1 },
        ).values
      const forward = of(rubric)
      for (const [i, back] of of(rubric.reversed()).entries()) expect(back).toBeCloseTo(-(forward[i] ?? 0), 4)
    }),
  )
})

test("parts are what was read, before weights and reversal", () => {
  const verdict = Judge.plan(humanLike.reversed(), completion("t")).verdict(results([0.75, 0.5, 0.25]))
  const parts = verdict._tag === "Scored" ? verdict.parts : {}
  expect(Object.keys(parts)).toEqual(["feelings", "intentions", "self-awareness"])
  expect(parts["feelings"]).toBeCloseTo(0.75, 12)
})

test("all readings of all completions go in one call", async () => {
  const { asked, layer } = judge((context) => (context.includes("glad") ? 0.75 : 0.25))
  const verdicts = await Effect.runPromise(
    Judge.score(humanLike, [completion("I am glad."), completion("It rains.")], Judge.local("base")).pipe(
      Effect.provide(layer),
    ),
  )
  expect(asked.choices.map((requests) => requests.length)).toEqual([6])
  expect(asked.choices[0]?.every((r) => r.by === "base")).toBe(true)
  expect(scores(verdicts).map((s) => s?.toFixed(6))).toEqual(["0.750000", "0.250000"])
})

test("a continuation without a token is bad input, not a certainty", async () => {
  const rubric = Rubric.make("r", {
    version: 1,
    readOut: Rubric.yesNo({ yes: "" }),
    criteria: [{ name: "a", ask: "Is it?", anchors: { low: "l", high: "h" }, weight: 1 }],
  })
  const { asked, layer } = judge(() => 0.5)
  const read = Judge.score(rubric, [completion("t")], Judge.local("base")).pipe(Effect.provide(layer), Effect.flip)
  expect(await Effect.runPromise(read)).toMatchObject({ _tag: "BadInput", where: "read-out" })
  expect(asked.choices).toEqual([])
})

test("an unfinished answer is what the option says, and is not read for nothing", async () => {
  const { asked, layer } = judge(() => 0.75)
  const of = (reward: Reward.Reward, unfinished?: Judge.Unfinished) =>
    Effect.runPromise(
      Judge.score(reward, [completion("so", "length")], Judge.local("base"), unfinished).pipe(Effect.provide(layer)),
    )
  expect(await of(humanLike, "lowest")).toEqual([{ _tag: "Scored", score: 0, parts: {} }])
  expect(await of(humanLike.reversed(), "lowest")).toEqual([{ _tag: "Scored", score: 0, parts: {} }])
  expect(await of(humanLike, "unscored")).toEqual([{ _tag: "Unscored", reason: "cut off at the token limit" }])
  expect(asked.choices).toEqual([])
  expect(scores(await of(humanLike))[0]).toBeCloseTo(0.75, 12)
})

const read = (...found: ReadonlyArray<Judge.Result>) => Judge.plan(humanLike, completion("t")).verdict(found)

test("what a judge does not say never becomes a number", () => {
  const fine = { logprobs: [-1, -1] }
  expect(read(fine, { failed: "it timed out" }, fine)).toEqual({
    _tag: "Unscored",
    reason: "human-like: intentions: it timed out",
  })
  expect(read(fine, { logprobs: [Number.NaN, 0] }, fine)._tag).toBe("Unscored")
  expect(read(fine, fine)).toEqual({ _tag: "Unscored", reason: "human-like: self-awareness: it was not read" })
})

const mine = (score: (c: Reward.Completion) => number | undefined) =>
  Judge.plan(Reward.make("mine", { version: 1, score }), completion("four")).verdict([])

test("a function's number is taken where it is one, and within its range", () => {
  expect(mine((c) => c.tokens / 8)).toEqual({ _tag: "Scored", score: 0.5, parts: {} })
  expect(mine(() => undefined)).toEqual({ _tag: "Unscored", reason: "mine has no verdict" })
  expect(mine(() => 2)).toEqual({ _tag: "Unscored", reason: "mine gave 2, outside its range of 0 to 1" })
  expect(mine(() => Number.NaN)).toEqual({ _tag: "Unscored", reason: "mine gave NaN, outside its range of 0 to 1" })
  expect(mine(() => -0.25)).toEqual({ _tag: "Unscored", reason: "mine gave -0.25, outside its range of 0 to 1" })
  expect(mine(() => Number.POSITIVE_INFINITY)._tag).toBe("Unscored")
  expect(
    mine(() => {
      throw new Error("no")
    }),
  ).toEqual({ _tag: "Unscored", reason: "mine threw: Error: no" })
})

test("a function reads its options", () => {
  const reward = Reward.make("brevity", {
    version: 1,
    options: { most: 2 },
    score: (c, { most }) => Math.min(1, most / c.tokens),
  })
  expect(scores([Judge.plan(reward, completion("four")).verdict([])])).toEqual([0.5])
})

test("a mix is the weighted mean of its parts, and has a verdict where all of them have", () => {
  const half = Reward.make("half", { version: 1, score: () => 0.5 })
  const mute = Reward.make("mute", { version: 1, score: () => undefined })
  const wide = Reward.make("wide", { version: 1, range: { min: -2, max: 6 }, score: () => 6 })
  const mix = Reward.mix([3, humanLike], [1, wide])
  expect(mix.name).toBe("3 human-like + 1 wide")
  expect(mix.range).toEqual({ min: -0.5, max: 2.25 })
  const plan = Judge.plan(mix, completion("t"))
  expect(plan.readings.length).toBe(3)
  const verdict = plan.verdict(results([0.4, 0.4, 0.4]))
  expect(scores([verdict])[0]).toBeCloseTo((3 * 0.4 + 6) / 4, 12)
  expect(verdict._tag === "Scored" && Object.keys(verdict.parts)).toEqual([
    "human-like",
    "human-like/feelings",
    "human-like/intentions",
    "human-like/self-awareness",
    "wide",
  ])
  // The second rubric of a mix reads its own results.
  const two = Judge.plan(
    Reward.mix([1, half], [1, made([{ name: "a", weight: 1 }], { min: 0, max: 1 })]),
    completion("t"),
  )
  expect(scores([two.verdict(results([0.1]))])[0]).toBeCloseTo(0.3, 12)
  expect(Judge.plan(Reward.mix([1, half], [1, mute]), completion("t")).verdict([])).toEqual({
    _tag: "Unscored",
    reason: "mute has no verdict",
  })
})

test("what a mix cannot be is said when it is made", () => {
  const half = Reward.make("half", { version: 1, score: () => 0.5 })
  expect(() => Reward.mix()).toThrow(new RangeError("a mix needs at least one reward"))
  expect(() => Reward.mix([0, half])).toThrow(new RangeError("the weight of half must be above 0, not 0"))
  expect(() => Reward.mix([1, half], [2, half])).toThrow(
    new RangeError("a mix has half twice: each part needs a name of its own"),
  )
})

/** Verdicts by a server that fails one reading so many times. */
const byServer = async (tries: number) => {
  const asked: Array<readonly [number, number]> = []
  const server: Judge.Reader<never, never> = (readings, again) => {
    asked.push([readings.length, again])
    const fails = (i: number) => again < tries && (readings.length === 1 || i === 4)
    return Effect.succeed(readings.map((_, i) => (fails(i) ? { failed: "refused" } : { logprobs: [0, 0] })))
  }
  const verdicts = await Effect.runPromise(Judge.score(humanLike, [completion("a"), completion("b")], server))
  return { asked, tags: verdicts.map((v) => v._tag) }
}

test("a server's judge is asked for all at once, again for what failed, and what fails to the end is unscored", async () => {
  const all = [
    [6, 0],
    [1, 1],
    [1, 2],
  ] as const
  expect(await byServer(1)).toEqual({ asked: all.slice(0, 2), tags: ["Scored", "Scored"] })
  expect(await byServer(2)).toEqual({ asked: all, tags: ["Scored", "Scored"] })
  expect(await byServer(3)).toEqual({ asked: all, tags: ["Scored", "Unscored"] })
})
