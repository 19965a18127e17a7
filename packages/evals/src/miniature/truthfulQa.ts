import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Task } from "hmx"
import { choose } from "../choose.ts"
import { items } from "../items.ts"
import { argmax, mean, softmax } from "../statistics.ts"

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

const task = "miniature_truthfulqa"

/**
 * A miniature of TruthfulQA (Lin et al. 2022) over the facts and myths of nano's closed world. mc1: the most probable choice is the
 * true one. mc2: probability of the true choices among all.
 */
export const truthfulQa: Task.Task<"benchmark"> = {
  kind: "benchmark",
  name: task,
  version: 1,
  options: {},
  run: Effect.gen(function* () {
    const all = yield* items(new URL("../../data/miniature/truthfulqa.jsonl", import.meta.url), Item)
    const read = yield* choose([
      ...all.map(({ mc1_targets, prompt }) => ({ prompt, choices: mc1_targets.choices })),
      ...all.map(({ mc2_targets, prompt }) => ({ prompt, choices: mc2_targets.choices })),
    ])
    const mc1 = all.map(({ mc1_targets }, i): number => mc1_targets.labels[argmax(read[i] ?? [])] ?? 0)
    const mc2 = all.map(({ mc2_targets }, i) =>
      softmax(read[all.length + i] ?? []).reduce((sum, p, j) => sum + p * (mc2_targets.labels[j] ?? 0), 0),
    )
    return {
      measures: [
        { task, metric: "mc1", ...mean(mc1), higherIsBetter: true },
        { task, metric: "mc2", ...mean(mc2), higherIsBetter: true },
      ],
      answers: [],
    }
  }),
}
