import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { eqBench } from "../../src/index.ts"
import { fullScale, passes } from "../../src/tasks/eqBench.ts"
import { figures, items, jsonl, outputs, refused } from "../files.ts"

const reference = {
  emotion1: "Glad",
  emotion2: "Calm",
  emotion3: "Sad",
  emotion4: "Angry",
  emotion1_score: 7,
  emotion2_score: "4",
  emotion3_score: 0,
  emotion4_score: "0",
}
const doc = { prompt: "Rate them.", reference_answer_fullscale: reference }
const four = (...scores: ReadonlyArray<number>) =>
  ["Glad", "Calm", "Sad", "Angry"].map((emotion, i) => `${emotion}: ${scores[i] ?? 0}`).join("\n")
const both = (first: string, revised: string) =>
  `First pass scores:\n${first}\n\nCritique: it is fine.\n\nRevised scores:\n${revised}\n[End of answer]`
const S = (d: number) => 6.5 / (1 + Math.exp(-1.2 * (d - 4)))

const given = (...scores: ReadonlyArray<number>) => new Map(["a", "b", "c", "d"].map((e, i) => [e, scores[i] ?? 0]))

describe("EQ-Bench v2", () => {
  it("reads the digits of any script, as Python does", () => {
    const found = figures(
      eqBench,
      jsonl({ id: 1, ...doc }),
      outputs({ id: 1, output: "Glad: ٧\nCalm:\u001c４ Sad: 𝟘\nAngry: 0" }),
    )
    expect(found["eqbench"]).toBe(100)
  })

  it("scores a perfect answer 10, and costs differences by the S-curve, above 5 by themselves", () => {
    const wanted = new Map([
      ["a", 7],
      ["b", 4],
      ["c", 0],
      ["d", 0],
    ])
    expect(fullScale(wanted, given(7, 4, 0, 0))).toBe(10)
    expect(fullScale(wanted, given(6, 4, 0, 0))).toBeCloseTo(10 - 0.7477 * S(1), 12)
    expect(fullScale(wanted, given(2, 4, 0, 0))).toBeCloseTo(10 - 0.7477 * S(5), 12)
    expect(fullScale(wanted, given(7, 4, 6, 10))).toBeCloseTo(10 - 0.7477 * 16, 12)
    expect(fullScale(wanted, new Map([["a", 7]]))).toBeUndefined()
    expect(
      fullScale(
        wanted,
        new Map([
          ["a", 7],
          ["b", 4],
          ["c", 0],
          ["x", 0],
        ]),
      ),
    ).toBeUndefined()
  })

  it("reads both passes", () => {
    const { first, revised } = passes(both(four(1, 2, 3, 4), four(5, 6, 7, 8)))
    expect([[...first.values()], [...revised.values()]]).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ])
    expect(passes(four(1, 2, 3, 4))).toEqual({ first: new Map(), revised: new Map() })
  })

  it("takes the revised figure where it is no worse and as often readable", () => {
    const file = { name: "eq.json", text: JSON.stringify({ 1: doc, 2: doc }, null, 2) }
    const better = figures(
      eqBench,
      file,
      outputs(...["1", "2"].map((id) => ({ id, output: both(four(6, 4, 0, 0), four(7, 4, 0, 0)) }))),
    )
    expect(better["eq_bench_v2"]).toBe(100)
    expect(better["revised"]).toBe(100)
    expect(better["first_pass"]).toBeCloseTo(100 - 7.477 * S(1), 9)
    expect(better["percent_parseable"]).toBe(100)
    const unread = figures(
      eqBench,
      file,
      outputs(
        { id: 1, output: both(four(6, 4, 0, 0), four(7, 4, 0, 0)) },
        { id: 2, output: both(four(6, 4, 0, 0), "Glad: none") },
      ),
    )
    expect(unread["revised"]).toBe(100)
    expect(unread["revised_parseable"]).toBe(50)
    expect(unread["eq_bench_v2"]).toBeCloseTo(100 - 7.477 * S(1), 9)
  })

  it("counts an answer that cannot be read as nothing in its own figures, and 0 in lm-evaluation-harness's", () => {
    const file = jsonl({ id: "a", ...doc }, { id: "b", ...doc })
    const found = figures(
      eqBench,
      file,
      outputs({ id: "a", output: four(7, 4, 0, 0) }, { id: "b", output: "Revised scores: I feel glad." }),
    )
    expect(found).toEqual({
      eq_bench_v2: 0,
      first_pass_parseable: 0,
      revised_parseable: 0,
      eqbench: 50,
      percent_parseable: 50,
    })
  })

  it("takes the whole output for the first pass where none has another", () => {
    const file = jsonl({ id: "a", ...doc }, { id: "b", ...doc })
    const found = figures(
      eqBench,
      file,
      outputs({ id: "a", output: four(7, 4, 0, 0) }, { id: "b", output: "I feel glad." }),
    )
    expect(found).toMatchObject({ eq_bench_v2: 100, first_pass: 100, first_pass_parseable: 50 })
  })

  it("reads a run of one pass by the names that are asked, and what a few outputs have in two passes as such", () => {
    const file = jsonl({ id: "a", ...doc }, { id: "b", ...doc }, { id: "c", ...doc })
    const found = figures(
      eqBench,
      file,
      outputs(
        { id: "a", output: `${four(7, 4, 0, 0)}\n\nConfidence: 90` },
        { id: "b", output: four(7, 4, 0, 0) },
        { id: "c", output: both(four(7, 4, 0, 0), `${four(7, 4, 0, 0)}\nConfidence: 90`) },
      ),
    )
    expect(found).toMatchObject({ first_pass: 100, first_pass_parseable: 100, revised_parseable: 0 })
    // lm-evaluation-harness's has four names or none; of the third it has the last of each.
    expect(found["percent_parseable"]).toBeCloseTo(100 / 3, 9)
  })

  it("reads a name that follows a number at once, and a long run of letters in time", () => {
    expect([...passes(both("Glad: 8Calm: 6Sad: 4Angry: 2", "12Glad: 8")).first.keys()]).toEqual([
      "Glad",
      "Calm",
      "Sad",
      "Angry",
    ])
    expect([...passes(both("", "12Glad: 8")).revised.keys()]).toEqual(["12Glad"])
    expect(passes(both("x".repeat(200_000), "")).first.size).toBe(0)
  })

  it("gives no answer more than 10", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 10 }), { minLength: 4, maxLength: 4 }), (scores) => {
        const names = ["a", "b", "c", "d"]
        const found = fullScale(
          new Map(names.map((name, i) => [name, i])),
          new Map(names.map((name, i) => [name, scores[i] ?? 0])),
        )
        expect(found).toBeLessThanOrEqual(10)
        expect(found).toBeGreaterThan(-20)
      }),
    )
  })

  it("reads JSON and JSONL of one item too, and refuses references that are not four", () => {
    expect(items(eqBench, { name: "eq.json", text: JSON.stringify({ q: doc }) }).map(({ id }) => id)).toEqual(["q"])
    expect(items(eqBench, jsonl({ id: 5, ...doc })).map(({ id }) => id)).toEqual(["5"])
    const twice = { ...doc, reference_answer_fullscale: { ...reference, emotion2: "Glad" } }
    expect(refused(eqBench.read({ name: "eq.json", text: JSON.stringify({ 1: doc, 2: twice }) }))).toMatch(
      /^eq\.json, 2, field reference_answer_fullscale: .*four different emotions/s,
    )
    expect(refused(eqBench.read(jsonl(doc)))).toMatch(/, field id[a-z.]*: found /)
  })
})
