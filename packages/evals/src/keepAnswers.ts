/** Records of answers to the held-out questions, as benchmarks keep those of their items: one a question. */
import * as Effect from "effect/Effect"
import { type AnsweredItem, Records, type Reward } from "hmx"
import type { Values } from "./benchmark/Benchmark.ts"
import type { Outcome } from "./benchmark/estimate.ts"
import { mean, type Metric } from "./benchmark/Metric.ts"
import { bounded, bounds } from "./benchmark/record.ts"
import { mean as meanOf, meanOfGroups } from "./statistics.ts"

/** What is known of one question: its answers and their figures, a mean over those answers that have it. */
export interface AnsweredQuestion {
  readonly answers: ReadonlyArray<Reward.Completion>
  readonly values: Values
}

/** Keeps a record a question where the caller of the task wants them; several answers stand in it as turns. */
export const keepAnswers = (task: string, questions: ReadonlyArray<AnsweredQuestion>) =>
  Effect.gen(function* () {
    const records = yield* Records
    const found = yield* records.begin(task, questions.length)
    const all = questions.flatMap(({ answers, values }): ReadonlyArray<AnsweredItem> => {
      const [first] = answers
      if (first === undefined) return []
      const texts = answers.map(({ text }) => bounded(text, bounds.text))
      return [
        {
          id: first.id,
          values,
          answer: { kind: "text", text: texts.at(-1) ?? "", ...(texts.length > 1 ? { turns: texts } : {}) },
          asked: bounded(first.question, bounds.asked),
          ...(answers.some(({ finish }) => finish === "length") ? { cutOff: true as const } : {}),
        },
      ]
    })
    const kept = new Set(found.map(({ id }) => id))
    yield* records.keep(
      task,
      all.filter(({ id }) => !kept.has(id)),
    )
    yield* records.end(task, all)
  })

/** The mean of each figure that such records hold: their task's own figures, as functions of sums. */
export const valueMetrics = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<Metric> =>
  [...new Set(outcomes.flatMap(({ values }) => Object.keys(values)))].map((name) => mean(name, null))

/** The mean over questions of what is read of each answer, and the records. `read` has the same figures of every answer. */
export const readAnswers = (
  task: string,
  groups: ReadonlyArray<ReadonlyArray<Reward.Completion>>,
  read: (answer: Reward.Completion) => Values,
) =>
  Effect.gen(function* () {
    const values = groups.map((group) => group.map(read))
    const metrics = [...new Set(values.flat().flatMap((one) => Object.keys(one)))]
    const of = (metric: string) => values.map((group) => group.flatMap((one) => one[metric] ?? []))
    const figures = metrics.map((metric) => ({ metric, groups: of(metric) }))
    yield* keepAnswers(
      task,
      groups.map((answers, i) => ({
        answers,
        values: Object.fromEntries(figures.map((one) => [one.metric, meanOf(one.groups[i] ?? []).value])),
      })),
    )
    const measures = figures.map((one) => ({
      task,
      metric: one.metric,
      ...meanOfGroups(one.groups),
      higherIsBetter: null,
    }))
    return { measures, answers: [] }
  })
