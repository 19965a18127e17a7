import { describe, expect, it } from "@effect/vitest"
import { Artefact } from "hmx"
import * as Metrics from "../src/Metrics.ts"

const policy = { base: "b", adapter: "a", step: 0 }
const completion = (length: number, finish: "stop" | "length") => ({
  tokens: Array.from({ length }, () => 1),
  logprobs: Array.from({ length }, () => -1),
  text: "",
  finish,
})
const group = (scores: ReadonlyArray<number | null>, lengths: ReadonlyArray<number>) => ({
  rollouts: new Artefact.Rollouts({
    promptTokens: [1, 2, 3],
    completions: lengths.map((n) => completion(n, n < 10 ? "stop" : "length")),
    temperature: 1,
    policy,
  }),
  verdicts: new Artefact.Verdicts({
    reward: "r@1",
    verdicts: scores.map((score) =>
      score === null ? { _tag: "Unscored", reason: "" } : { _tag: "Scored", score, parts: {} },
    ),
  }),
})

describe("metrics of a step", () => {
  it("are TRL's, and an unscored completion is no number", () => {
    const groups = [group([0, 1, null], [2, 4, 10]), group([0.5, 0.5, 0.5], [6, 8, 10])]
    const metrics = Metrics.ofGroups(groups)
    expect(metrics).toMatchObject({
      "completions/mean_length": 40 / 6,
      "completions/min_length": 2,
      "completions/max_length": 10,
      "completions/mean_terminated_length": 5,
      "completions/max_terminated_length": 8,
      "rewards/r@1/mean": 0.5,
      reward: 0.5,
      frac_reward_zero_std: 0.5,
    })
    expect(metrics["completions/clipped_ratio"]).toBeCloseTo(1 / 3, 12)
    expect(metrics["completions/unscored_ratio"]).toBeCloseTo(1 / 6, 12)
    // Groups' own standard deviations: √½ and 0.
    expect(metrics["reward_std"]).toBeCloseTo(Math.SQRT1_2 / 2, 12)
    // Of 0, 1 and three times ½: √(½ / 4).
    expect(metrics["rewards/r@1/std"]).toBeCloseTo(Math.sqrt(1 / 8), 12)
    expect(Metrics.tokens(groups)).toBe(40 + 6 * 3)
  })

  it("scaled by the batch, the spread is the batch's", () => {
    const one = group([0, 1], [1, 1])
    const advantages = new Artefact.Advantages({ values: [-1, 1], mean: 0.5, std: 1, batch: { stdEpsilon: 1e-4 } })
    const groups = [
      { ...one, advantages },
      { ...group([4, 4], [1, 1]), advantages },
    ]
    const metrics = Metrics.ofGroups(groups)
    expect(metrics["reward_std"]).toBe(metrics["rewards/r@1/std"])
  })

  it("where nothing was judged or sampled, there is nothing to measure", () => {
    expect(Metrics.ofGroups([])).toEqual({})
    expect(Metrics.ofGroups([group([null, null], [1, 1])])["reward"]).toBeUndefined()
  })
})
