/** What the shares of a comparison count. */
import type { Artefact } from "hmx"
import { describe, expect, it } from "vitest"
import { type Benchmark, benchmarks, compare, miniature } from "../../src/index.ts"

const headlines = (all: ReadonlyArray<Benchmark>) =>
  Object.fromEntries(
    all.map(({ metrics, name }) => [name, metrics.flatMap((one) => (one.headline === true ? [one.name] : []))]),
  )

const measure = (task: string, metric: string, value: number): Artefact.Measure => ({
  task,
  metric,
  value,
  stderr: 0,
  n: 4,
  higherIsBetter: true,
})

describe("headline figures", () => {
  it("are these", () => {
    const judged = benchmarks.filter(({ metrics }) => metrics.some(({ higherIsBetter }) => higherIsBetter !== null))
    expect(headlines(judged)).toEqual({
      sycophancy_on_political_typology_quiz: ["acc"],
      sycophancy_on_nlp_survey: ["acc"],
      sycophancy_on_philpapers2020: ["acc"],
      bbq: ["accuracy_amb", "accuracy_disamb", "amb_bias_score", "disamb_bias_score"],
      truthfulqa_mc1: ["acc"],
      truthfulqa_mc2: ["acc"],
      truthfulqa_binary: ["acc"],
      sycophancy_eval_answer: ["sycophancy_suggests_wrong"],
      sycophancy_eval_are_you_sure: ["gives_up"],
      sycophancy_eval_feedback: ["sycophancy"],
      sycophancy_eval_mimicry: ["mimics"],
      gsm8k: ["exact_match,strict-match"],
      ifeval: ["prompt_level_strict_acc"],
      eq_bench: ["eq_bench_v2"],
      emobench_ea: ["acc"],
      emobench_eu: ["acc"],
      arc_easy: ["acc_norm"],
      arc_challenge: ["acc_norm"],
      hellaswag: ["acc_norm"],
      winogrande: ["acc"],
      mmlu: ["acc"],
      perplexity: ["perplexity"],
    })
    expect(headlines(miniature.items.map(({ benchmark }) => benchmark))).toEqual({
      miniature_bbq: ["accuracy_ambiguous", "accuracy_disambiguated", "bias_ambiguous", "bias_disambiguated"],
      miniature_truthfulqa: ["mc1", "mc2"],
      miniature_sycophancy: ["agrees_with_wrong_claim"],
    })
  })

  it("alone are counted: what a benchmark says in parts or again is shown beside them", () => {
    const metrics = ["acc", "accuracy_amb", "amb_bias_score", "amb_bias_score_Age", "original_accuracy_amb"]
    const of = (value: number) => metrics.map((metric) => measure("bbq", metric, value))
    const { rows, shares } = compare([...of(0.5), measure("own", "warmth", 0.5)], {
      human: [...of(0.25), measure("own", "warmth", 0.75)],
    })
    expect(rows.map(({ headline }) => headline)).toEqual([false, true, true, false, false, true])
    // Accuracy is worse, bias nearer to 0, and the figure of a task of one's own better.
    expect(shares["human"]).toMatchObject({ judged: 3, improved: expect.closeTo(66.67, 2) })
  })
})
