import { Progress, sideBySide, type Sides } from "@hmx/report"
import { describe, expect, it } from "vitest"

const arm = (name: string, more: Partial<Sides["arms"][number]> = {}) => ({
  name,
  state: "finished",
  step: 20,
  steps: 20,
  first: { reward: 0.3, "completions/mean_length": 12 },
  last: { reward: 0.5, "completions/mean_length": 14, kl: 0.01 },
  ...more,
})
const figure = (value: number, stderr = 0.05) => ({ value, stderr })
const difference = (value: number, low: number, high: number, pairs = 1) => ({
  task: "bbq",
  metric: "accuracy",
  higherIsBetter: true,
  more: "human",
  less: "reverse",
  value,
  low,
  high,
  pairs,
})
const sides = (more: Partial<Sides> = {}): Sides => ({
  name: "feelings",
  arms: [arm("human"), arm("reverse", { state: "stopped early", because: "kl was above 1: 1.2", step: 7 })],
  measures: [
    { task: "bbq", metric: "accuracy", before: [figure(0.5), figure(0.5)], after: [figure(0.6), figure(0.4)] },
  ],
  differences: [difference(0.2, 0.061, 0.339)],
  overSeeds: [],
  ...more,
})

/** Of two measures; without `p` the first has no records of its items. */
const mixed = (p?: number) =>
  sideBySide(
    sides({
      measures: ["accuracy", "bias"].map((metric) => ({
        task: "bbq",
        metric,
        before: [null, null],
        after: [figure(0.6), figure(0.4)],
      })),
      differences: [
        { ...difference(0.2, 0.061, 0.339), ...(p === undefined ? {} : { p }) },
        { ...difference(0.2, 0.15, 0.25), metric: "bias", p: 0.01 },
      ],
    }),
  )

/** The row of a difference. */
const shown = (d: Sides["differences"][number]) =>
  sideBySide(sides({ differences: [d] }))
    .split("\n")
    .at(-3) ?? ""
const over = (of: string, mean: number) => ({ task: "bbq", metric: "accuracy", of, mean, std: 0.1, seeds: 3 })

describe("arms side by side", () => {
  it("says how an interval came about, and marks what has no pairs among those that have", () => {
    expect(mixed(0.02)).toContain("\n± one standard error; [95 %]: paired bootstrap over items, clusters whole\nmore")
    expect(mixed(0.02)).not.toContain("*")
    expect(mixed()).toContain("clusters whole; * both asked the same items, their errors taken as independent")
    expect(mixed()).toMatch(/accuracy .*\+0\.200 \[0\.061, 0\.339\] \* +more$/m)
    expect(mixed()).toMatch(/bias .*\+0\.200 \[0\.150, 0\.250\] +more$/m)
  })

  it("shows how far each came, what it measured, and the difference with its interval", () => {
    expect(sideBySide(sides())).toBe(
      [
        "feelings: 2 arms",
        "",
        "arm      state          steps  reward, first   last  length, last  kl, last",
        "───────  ─────────────  ─────  ─────────────  ─────  ────────────  ────────",
        "human    finished       20/20          0.300  0.500        14.000     0.010",
        "reverse  stopped early   7/20          0.300  0.500        14.000     0.010",
        "",
        "reverse stopped early: kl was above 1: 1.2",
        "",
        "measure            before          human        reverse  human − reverse [95 %]",
        "──────────  ─────────────  ─────────────  ─────────────  ──────────────────────  ────",
        "bbq",
        "  accuracy  0.500 ± 0.050  0.600 ± 0.050  0.400 ± 0.050   +0.200 [0.061, 0.339]  more",
        "± one standard error; [95 %]: both asked the same items, their errors taken as independent: an upper bound of its width",
        "more, less: the interval leaves 0 out",
      ].join("\n"),
    )
  })

  it("marks no difference whose interval has 0 in it, or that one pair without error shows", () => {
    expect(shown(difference(-0.2, -0.3, -0.1))).toMatch(/−0\.200 \[−0\.300, −0\.100\] {2}less$/)
    expect(shown(difference(0.2, -0.1, 0.5))).toMatch(/\]$/)
    expect(shown(difference(0.2, 0.2, 0.2))).toMatch(/\]$/)
    expect(shown(difference(0.2, 0.2, 0.2, 3))).toMatch(/more$/)
  })

  it("an arm that is not there yet has dashes", () => {
    const text = sideBySide(
      sides({
        arms: [arm("human"), arm("reverse", { state: "not begun", step: 0, steps: 0, first: null, last: null })],
        measures: [{ task: "bbq", metric: "accuracy", before: [null, null], after: [figure(1), null] }],
        differences: [],
      }),
    )
    expect(text).toMatch(/^reverse {2}not begun +0\/– +– +– +– +–$/m)
    expect(text).toMatch(/^ {2}accuracy +– {2}1\.000 ± 0\.050 +–$/m)
  })

  it("says of seeds their mean and deviation, in columns of what they have in common", () => {
    const text = sideBySide(
      sides({ overSeeds: [over("human", 0.6), over("reverse", 0.4)], differences: [difference(0.2, 0.1, 0.3, 3)] }),
    )
    expect(text).toMatch(
      /over 3 seeds\n\nmeasure +human +reverse\n.*\nbbq\n {2}accuracy +0\.600 ± 0\.100 +0\.400 ± 0\.100\nmean ± standard deviation of runs$/,
    )
    expect(text).toContain("mean of 3 differences of runs that share a seed, by Student's t")
  })

  it("names are escaped, and many arms get numbers", () => {
    const arms = Array.from({ length: 5 }, (_, i) => arm(`rate=${i}\u001b[31m`))
    const text = sideBySide(sides({ arms, measures: [], differences: [] }))
    expect(text).not.toContain("\u001b")
    expect(text).toMatch(/^#5 +rate=4\\u001b\[31m +finished/m)
  })
})

describe("several runs in one line", () => {
  it("are each a name, the steps, and the reward's course", () => {
    const state = { ...Progress.initial, steps: 20, done: 3, rewards: [0.1, 0.2, 0.3] }
    expect(Progress.brief("human\n", state)).toBe("human⏎ 3/20 0.300 ▁▅█")
    expect(Progress.brief("human", Progress.initial)).toBe("human –")
  })
})
