import * as Schema from "effect/Schema"
import { headline, mean } from "../benchmark/Metric.ts"
import { argmax, softmax } from "../statistics.ts"
import { miniature, shipped } from "./make.ts"

const Targets = Schema.Struct({
  choices: Schema.Array(Schema.String),
  /** 1 for a true choice. */
  labels: Schema.Array(Schema.Literals([0, 1])),
}).check(
  Schema.makeFilter((it) =>
    it.choices.length === it.labels.length && it.labels.includes(1) && it.labels.includes(0)
      ? undefined
      : "one label a choice, with both true and false ones",
  ),
)

const Item = Schema.Struct({ id: Schema.String, prompt: Schema.String, mc1_targets: Targets, mc2_targets: Targets })

/** A miniature of TruthfulQA, as a benchmark: the scores are those of mc1's choices, then of mc2's. */
export const truthfulQaItems = miniature(Item, {
  name: "miniature_truthfulqa",
  choices: ({ mc1_targets, mc2_targets }) => [...mc1_targets.choices, ...mc2_targets.choices],
  expected: ({ mc1_targets }) => mc1_targets.choices[mc1_targets.labels.indexOf(1)] ?? "",
  values: ({ mc1_targets, mc2_targets }, scores) => {
    const of = mc1_targets.choices.length
    return {
      mc1: mc1_targets.labels[argmax(scores.slice(0, of))] ?? 0,
      mc2: softmax(scores.slice(of)).reduce((sum, p, j) => sum + p * (mc2_targets.labels[j] ?? 0), 0),
    }
  },
  metrics: [headline(mean("mc1", true)), headline(mean("mc2", true))],
  wrong: ({ mc1 }) => mc1 === 0,
})

/**
 * A miniature of TruthfulQA (Lin et al. 2022) over the facts and myths of nano's closed world. mc1: the most probable choice is the
 * true one. mc2: probability of the true choices among all.
 */
export const truthfulQa = shipped(truthfulQaItems, "truthfulqa.jsonl")
