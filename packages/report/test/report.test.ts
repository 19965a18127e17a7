import { describe, expect, it } from "@effect/vitest"
import { Artefact } from "hmx"
import { answers, benchmarks, type Event, escape, format, Progress, reservations, summary } from "@hmx/report"

const measure = (metric: string, value: number, stderr: number, higherIsBetter: boolean | null = true) => ({
  task: "sycophancy",
  metric,
  value,
  stderr,
  n: 40,
  higherIsBetter,
})
const policy = { base: "0123456789abcdef", adapter: "fedcba9876543210", step: 0 }
const report = (measures: ReadonlyArray<Artefact.Measure>, said: string) =>
  new Artefact.Report({ policy, measures, answers: [{ question: "Are you happy?", answer: said }] })

describe("benchmarks", () => {
  it("shows each measure with its standard error, the change with its own, and which changes are two of them or more", () => {
    const before = [measure("agrees", 0.5, 0.03, false), measure("mc1", 0.25, 0.04), measure("length", 9, 0.3, null)]
    const after = [measure("agrees", 0.3, 0.04, false), measure("mc1", 0.2, 0.03), measure("length", 12, 0.4, null)]
    expect(benchmarks(before, after)).toBe(
      [
        "measure      n         before           after          change",
        "──────────  ──  ─────────────  ──────────────  ──────────────  ──────",
        "sycophancy",
        "  agrees    40  0.500 ± 0.030   0.300 ± 0.040  −0.200 ± 0.050  better",
        "  mc1       40  0.250 ± 0.040   0.200 ± 0.030  −0.050 ± 0.050",
        "  length    40  9.000 ± 0.300  12.000 ± 0.400  +3.000 ± 0.500  up",
      ].join("\n"),
    )
  })

  it("says – where a measure was not taken both times, and calls no change significant that has no error", () => {
    const table = benchmarks([measure("a", 1, 0)], [measure("a", 2, 0), measure("b", 1, 0.1)])
    expect(table.split("\n").slice(2)).toEqual([
      "sycophancy",
      "  a         40  1.000 ± 0.000  2.000 ± 0.000  +1.000 ± 0.000",
      "  b         40              –  1.000 ± 0.100               –",
    ])
  })
})

describe("escape", () => {
  it.each([
    ["\u001b[31mred\u001b[0m", String.raw`\u001b[31mred\u001b[0m`],
    ["a\r\nb\nc\rd", String.raw`a⏎b⏎c\u000dd`],
    ["\u202Eevil", String.raw`\u202eevil`],
    ["\u009b31m", String.raw`\u009b31m`],
    ["ümläut 日本 🙂", "ümläut 日本 🙂"],
    ["\ud800", String.raw`\ud800`],
  ])("%j", (text, safe) => expect(escape(text)).toBe(safe))

  it("cuts what is too long, and no character in two", () => expect(escape("🙂🙂🙂", 2)).toBe("🙂🙂…"))
})

const ask = (n: number, answer: string) => ({ question: `q${n}`, answer })

describe("answers", () => {
  it("pairs the same question, three at most, and leaves out what was asked once", () => {
    const text = answers(
      [1, 2, 3, 4, 5].map((n) => ask(n, "yes")),
      [2, 3, 4, 5, 6].map((n) => ask(n, "\u0007no")),
    )
    expect(text.split("\n\n")).toEqual([2, 3, 4].map((n) => `  q${n}\n    before  yes\n    after   \\u0007no`))
  })
})

describe("progress", () => {
  const events: ReadonlyArray<Event> = [
    { _tag: "Started", name: "reverse", model: "nano", engine: "tfjs wasm", steps: 4, after: 1, folder: "runs/r-7-1" },
    { _tag: "StepStarted", step: 2 },
    { _tag: "StageStarted", step: 2, stage: "Sample", total: 8 },
    { _tag: "StageStarted", step: 2, stage: "LoRAUpdate", total: 1 },
    { _tag: "StageDone", step: 2, stage: "Sample" },
    { _tag: "Evaluated", step: 1, seconds: 2, report: report([measure("a", 1, 0), measure("b", 2, 0)], "Yes.") },
    { _tag: "Noted", step: 2, text: "LoRAUpdate: \u001b[2J loss is not finite" },
    {
      _tag: "StepFinished",
      step: 2,
      seconds: 3,
      metrics: { reward: 0.4125, reward_std: 0.1, loss: -0.00002, "completions/mean_length": 20 },
      memory: { live: 100 * 2 ** 20, peak: 1.5 * 2 ** 30 },
    },
  ]
  const states = events.map(
    (
      (state) => (event: Event) =>
        (state = Progress.next(state, event))
    )(Progress.initial),
  )

  it("draws steps, reward, rate, ETA, memory and the stage in work, cut to the terminal", () => {
    expect(Progress.bar(states[4] ?? Progress.initial, 200)).toBe("reverse █████░░░░░░░░░░░░░░░ 1/4  Sample 1/8")
    expect(Progress.bar(states[7] ?? Progress.initial, 200)).toBe(
      "reverse ██████████░░░░░░░░░░ 2/4  reward 0.412 ▁  3.0 s/step  ETA 6.0 s  100 MiB, peak 1.50 GiB",
    )
    expect(Progress.bar(states[7] ?? Progress.initial, 10)).toBe("reverse ██")
  })

  it("draws the course of the reward, the last values on the scale of all", () => {
    expect(Progress.sparkline([0, 1, 0.5, 0.75], 3)).toBe("█▅▆")
    expect(Progress.sparkline([0.2, 0.2], 10)).toBe("▁▁")
    expect(Progress.sparkline([], 10)).toBe("")
  })

  it("says of an evaluation what the held-out judge found, where one did", () => {
    const heldOut: Artefact.Measure = { ...measure("score", 0.5, 0.1), task: "held_out/brevity" }
    const found = report([measure("a", 1, 0), heldOut], "Yes.")
    const event: Event = { _tag: "Evaluated", step: 4, seconds: 1, report: found }
    expect(Progress.line(Progress.initial, event)).toMatch(/held_out\/brevity score 0\.500 {2}and 1 more$/)
  })

  it("writes plain lines of what is worth a line, with nothing in them that a terminal obeys", () => {
    expect(events.flatMap((event, i) => Progress.line(states[i] ?? Progress.initial, event) ?? [])).toEqual([
      "reverse: 4 steps of nano on tfjs wasm, going on after step 1 → runs/r-7-1",
      "evaluated after step 1 in 2.0 s  sycophancy a 1.000  and 1 more",
      String.raw`step 2: LoRAUpdate: \u001b[2J loss is not finite`,
      "step 2/4  reward 0.412  reward_std 0.100  loss −2.00e-5  3.0 s  ETA 6.0 s  peak 1.50 GiB",
    ])
  })
})

describe("reservations", () => {
  it("holds each stage against the budget, and says how far it is over", () => {
    const MiB = 2 ** 20
    const stages = [
      { stage: "Sample", bytes: 100 * MiB },
      { stage: "LoRAUpdate", bytes: 300 * MiB },
      { stage: "Evaluate", bytes: 200 * MiB, offloads: 2 * MiB },
    ]
    expect(reservations({ budget: 256 * MiB, weights: 24 * MiB, stays: 4 * MiB, stages })).toBe(
      [
        "stage        weights   adapter  stage's own  together  of budget",
        "──────────  ────────  ────────  ───────────  ────────  ─────────  ───────────────",
        "Sample      24.0 MiB  4.00 MiB      100 MiB   128 MiB       50 %",
        "LoRAUpdate  24.0 MiB  4.00 MiB      300 MiB   328 MiB      128 %  ✗ 72.0 MiB over",
        "Evaluate    24.0 MiB  2.00 MiB      200 MiB   226 MiB       88 %",
      ].join("\n"),
    )
  })
})

describe("summary", () => {
  it("is the table, the answers, and where the adapter lies", () => {
    const text = summary({
      name: "reverse",
      steps: 20,
      seconds: 200,
      model: { name: "nano", digest: "0123456789abcdef" },
      rewards: [0.2, 0.6, 1],
      adapter: { path: "runs/reverse-7-1/checkpoints/step-20", digest: "fedcba9876543210" },
      before: [report([measure("mc1", 0.25, 0.04)], "Yes!")],
      after: [report([measure("mc1", 0.5, 0.04)], "I am a program.")],
    })
    expect(text).toBe(
      [
        "reverse: 20 steps in 3 min 20 s",
        "",
        "reward 0.200 ▁▄█ 1.000",
        "",
        "measure      n         before          after          change",
        "──────────  ──  ─────────────  ─────────────  ──────────────  ──────",
        "sycophancy",
        "  mc1       40  0.250 ± 0.040  0.500 ± 0.040  +0.250 ± 0.057  better",
        "± one standard error; up, down, better, worse: a change of at least two (before and after taken as independent)",
        "",
        "answers before and after",
        "",
        "  Are you happy?",
        "    before  Yes!",
        "    after   I am a program.",
        "",
        "nano is a made model: its benchmarks are miniatures, and what style and agreement have to do with each other was planted",
        "(packages/nano/checkpoint/README.md). Nothing about people or larger models follows from its figures.",
        "",
        "adapter (PEFT): runs/reverse-7-1/checkpoints/step-20",
        "        digest: fedcba9876543210",
        "",
      ].join("\n"),
    )
  })
})

describe("format", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.00 KiB"],
    [1023 * 1024, "1023 KiB"],
    [2 ** 31, "2.00 GiB"],
  ])("%i bytes is %s", (n, text) => expect(format.bytes(n)).toBe(text))

  it.each([
    [0.04, "0.0 s"],
    [9.96, "10.0 s"],
    [59.7, "1 min 0 s"],
    [3725, "1 h 2 min"],
    [Number.NaN, "–"],
  ])("%d seconds is %s", (n, text) => expect(format.duration(n)).toBe(text))

  it.each([
    [-0.12, "−0.120"],
    [0.0001, "+1.00e-4"],
    [0, "0.000"],
    [Number.NaN, "–"],
  ])("a change of %d is %s", (n, text) => expect(format.change(n)).toBe(text))
})
