/** Exports: the members that other tools read, from a small evaluation of our own. */
import type { Artefact } from "hmx"
import { describe, expect, it } from "vitest"
import {
  comparison,
  comparisonCsv,
  comparisonJson,
  comparisonMarkdown,
  type Evaluation,
  evaluationCsv,
  inspectLog,
  lmEval,
  Progress,
} from "../src/index.ts"

const measure = (metric: string, value: number, higherIsBetter: boolean | null): Artefact.Measure => ({
  task: "quiz",
  metric,
  value,
  stderr: 0.1,
  n: 2,
  higherIsBetter,
})

const evaluation: Evaluation = {
  model: { name: "m", digest: "0123456789abcdef" },
  adapter: { path: "runs/a", digest: "fedcba" },
  engine: { name: "tfjs", version: "1", device: "cpu", dtype: "float32" },
  seed: 7,
  limit: 3,
  sample: null,
  started: 1_000,
  seconds: 2.5,
  step: null,
  hmx: "0.1.0",
  tasks: [
    {
      name: "quiz",
      version: 2,
      shots: 5,
      data: [{ name: "quiz.jsonl", sha256: "ab" }],
      measures: [
        measure("acc", 0.5, true),
        measure("exact_match,strict-match", 0.25, true),
        measure("bias", 0.1, null),
      ],
      records: [
        {
          id: "a",
          cluster: "c",
          values: { acc: 1 },
          answer: { kind: "scores", scores: [-1, -2] },
          wrong: false,
          asked: "Which?",
          choices: [" this", " that"],
          expected: "this",
        },
        {
          id: "b",
          values: { acc: 0 },
          answer: { kind: "text", text: "=no" },
          wrong: true,
          cutOff: true,
          asked: "How?",
        },
        { id: "c", tooLong: true, tokens: 900 },
      ],
    },
  ],
}

const parsed = (text: string): unknown => JSON.parse(text)

describe("lmEval", () => {
  it("has the figures under name and filter, with directions, versions and counts", () => {
    expect(parsed(lmEval(evaluation))).toMatchObject({
      results: {
        quiz: {
          alias: "quiz",
          "acc,none": 0.5,
          "acc_stderr,none": 0.1,
          "exact_match,strict-match": 0.25,
          "exact_match_stderr,strict-match": 0.1,
        },
      },
      versions: { quiz: 2 },
      "n-shot": { quiz: 5 },
      "n-samples": { quiz: { original: 3, effective: 2 } },
      config: { model_args: "pretrained=m,peft=runs/a", limit: 3, random_seed: 7 },
      date: 1,
    })
    // What is neither better nor worse has no direction.
    expect(parsed(lmEval(evaluation))).toHaveProperty("higher_is_better", { quiz: { acc: true, exact_match: true } })
  })
})

describe("inspectLog", () => {
  it("has a sample an answered item, with what was asked, said and scored", () => {
    const [task] = evaluation.tasks
    if (task === undefined) throw new Error("no task")
    expect(parsed(inspectLog(evaluation, task))).toMatchObject({
      version: 2,
      status: "success",
      eval: {
        task: "quiz",
        model: "hmx/m",
        dataset: { samples: 3, sample_ids: ["a", "b"] },
        created: "1970-01-01T00:00:01.000+00:00",
      },
      results: {
        total_samples: 3,
        completed_samples: 2,
        scores: [{ name: "acc", metrics: { mean: { value: 0.5 }, stderr: { value: 0.1 } } }, {}, {}],
      },
      samples: [
        {
          id: "a",
          input: "Which?",
          choices: ["this", "that"],
          target: "this",
          output: { choices: [{ message: { content: "this" }, stop_reason: "stop" }] },
          scores: { acc: { value: 1, answer: "this" } },
          metadata: { cluster: "c", loglikelihoods: [-1, -2] },
        },
        { id: "b", output: { choices: [{ message: { content: "=no" }, stop_reason: "max_tokens" }] } },
      ],
    })
  })
})

describe("evaluationCsv", () => {
  it("is one line a figure, with its interval", () => {
    const [head, first] = evaluationCsv(evaluation).split("\n")
    expect(head).toBe("model,adapter,step,task,version,metric,better,n,value,stderr,low,high")
    expect(first).toMatch(/^m,fedcba,,quiz,2,acc,higher,2,0\.5,0\.1,0\.304\d*,0\.695\d*$/)
    expect(evaluationCsv(evaluation)).toContain('"exact_match,strict-match"')
  })
})

const row = (metric: string, before: number, human: number) => ({
  task: "t",
  metric,
  better: "higher" as const,
  headline: metric === "acc",
  before,
  stderr: 0.1,
  n: 4,
  arms: {
    human: { value: human, stderr: 0.2, n: 3, percent: before === 0 ? undefined : (100 * (human - before)) / before },
  },
})

describe("comparison", () => {
  const shares = { human: { judged: 2, improved: 50, improvedOrWithin2: 81.44, worseThan10: 0 } }
  const table = { rows: [row("acc", 0.5, 0.6), row('=cmd("x"),b', 0, 1)], leftOut: [], shares }
  const pair = {
    more: "human",
    less: "reverse",
    figures: [{ task: "t", metric: "acc", value: 0.1, low: 0.05, high: 0.15, p: 0.01 }],
  }

  it("shows before, each arm with its change, what two are apart, and the shares", () => {
    const text = comparison(table, pair)
    expect(text).toMatch(/acc +↑† +0\.500 +0\.600 +\+20\.0 % +0\.100 \[0\.050, 0\.150\] +0\.010/)
    expect(text).toMatch(/=cmd\("x"\),b +↑ +0\.000 +1\.000 +– +– +–/)
    expect(text).toContain(
      "human: 81.4 % of 2 headline figures improved or less than 2 % worse, 0.0 % more than 10 % worse",
    )
    expect(comparison(table)).not.toContain("bootstrap")
  })

  it("names what is left out, and what is over a part of the items", () => {
    const part = {
      ...table,
      cuts: [
        {
          task: "t",
          items: 40,
          sides: [
            { name: "before", items: 300 },
            { name: "human", items: 40 },
          ],
        },
      ],
      notes: ["quiz: all items\nshare one"],
      leftOut: [
        ...["a", "b", "c", "d"].map((metric) => ({ task: "bbq", metric })),
        { task: "qu\u001b[31miz", metric: "acc" },
      ],
    }
    const said = [
      "t: over the 40 items that all have (before has 300, human has 40)",
      String.raw`left out, as not all have them: bbq (4 figures); qu\u001b[31miz (acc)`,
      "quiz: all items⏎share one",
    ]
    expect(comparison(part)).toContain(`\n\n${said.join("\n")}\n\n`)
    expect(comparisonMarkdown(part)).toContain(said[0])
    expect(comparisonJson(part)).toMatchObject({ cuts: part.cuts, leftOut: part.leftOut })
    expect(comparison(table)).not.toContain("left out")
  })

  it("is written as CSV, in which a name is never a formula", () => {
    expect(comparisonCsv(table)).toBe(
      [
        "task,metric,better,headline,n,before,before stderr,human,human stderr,human n,human change %",
        "t,acc,higher,yes,4,0.5,0.1,0.6,0.2,3,19.999999999999996",
        't,"\'=cmd(""x""),b",higher,,4,0,0.1,1,0.2,3,',
        "",
      ].join("\n"),
    )
    expect(comparisonCsv(table, pair)).toContain(
      "acc,higher,yes,4,0.5,0.1,0.6,0.2,3,19.999999999999996,0.1,0.05,0.15,0.01\n",
    )
  })

  it("is written as CSV in which no name has control characters, nor a line's end", () => {
    const arm = "a\u001b[31m\tb\nc"
    const one = row("acc", 0.5, 0.6)
    const hostile = { ...table, rows: [{ ...one, arms: { [arm]: one.arms.human } }], shares: { [arm]: shares.human } }
    const [head] = comparisonCsv(hostile, { ...pair, more: "\r\n", less: "b" }).split("\n")
    expect(head).toBe(
      String.raw`task,metric,better,headline,n,before,before stderr,A,A stderr,A n,A change %,⏎ - b,low,high,p`.replaceAll(
        "A",
        String.raw`a\u001b[31m\u0009b⏎c`,
      ),
    )
  })

  it("is written as JSON, with intervals, and null where there is nothing", () => {
    const [first, second] = comparisonJson(table, pair).figures
    expect([first?.headline, second?.headline]).toEqual([true, false])
    expect(first?.before).toEqual({
      value: 0.5,
      stderr: 0.1,
      low: expect.closeTo(0.304, 3),
      high: expect.closeTo(0.696, 3),
    })
    expect(first?.apart).toEqual({ more: "human", less: "reverse", value: 0.1, low: 0.05, high: 0.15, p: 0.01 })
    expect([second?.arms["human"]?.change, second?.apart]).toEqual([null, null])
    expect(comparisonJson(table).shares).toEqual(shares)
  })

  it("is written as Markdown, in which a name is never markup", () => {
    const hostile = { rows: [row("a|b](x)<b>", 0.5, 0.6)], leftOut: [], shares: { "*arm*": shares.human } }
    const text = comparisonMarkdown(hostile)
    expect(text).toContain(String.raw`| a\|b\](x)\<b\> | ↑ | 4 | 0.500 ± 0.100 | – | – |`)
    expect(text).toContain(String.raw`- \*arm\*: 81.4 % of 2 headline figures`)
    expect(comparisonMarkdown(table, pair)).toContain(
      "| t | acc | ↑† | 4 | 0.500 ± 0.100 | 0.600 ± 0.200 | +20.0 % | 0.100 (0.050, 0.150) | 0.010 |",
    )
  })
})

describe("the line of a run", () => {
  it("says how far an evaluation is", () => {
    const events = [
      { _tag: "StageStarted", step: 0, stage: "Evaluate", total: 1 },
      { _tag: "ItemsDone", step: 0, task: "bbq", done: 64, total: 900 },
      { _tag: "ItemsDone", step: 0, task: "bbq", done: 128, total: 900 },
    ] as const
    const state = events.reduce((before, event) => Progress.next(before, event), Progress.initial)
    expect(Progress.bar(state, 200)).toMatch(/ bbq 128\/900$/)
  })
})
