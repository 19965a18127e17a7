/** The layout of Inspect's eval log (version 2, JSON): one log a task, with its samples. */
import type { AnsweredItem, ItemRecord } from "hmx"
import { counts, type EvaluatedTask, type Evaluation } from "./Evaluation.ts"

/** What the model chose or said, as text. */
const said = ({ answer, choices }: AnsweredItem): string => {
  if (answer.kind === "text") return answer.turns?.join("\n---\n") ?? answer.text
  const best = answer.scores.indexOf(Math.max(...answer.scores))
  return (choices?.[best] ?? String(best)).trim()
}

const isAnswered = (record: ItemRecord): record is AnsweredItem => !("tooLong" in record)

const sample = (record: AnsweredItem, model: string) => {
  const content = said(record)
  const { answer, choices, cluster, cutOff, expected, values } = record
  return {
    id: record.id,
    epoch: 1,
    input: record.asked ?? "",
    ...(choices === undefined ? {} : { choices: choices.map((choice) => choice.trim()) }),
    target: expected ?? "",
    messages: [
      { role: "user", content: record.asked ?? "" },
      { role: "assistant", content, source: "generate" },
    ],
    output: {
      model,
      choices: [
        {
          message: { role: "assistant", content, source: "generate" },
          stop_reason: cutOff === true ? "max_tokens" : "stop",
        },
      ],
    },
    scores: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, answer: content }])),
    metadata: {
      ...(cluster === undefined ? {} : { cluster }),
      ...(answer.scores === undefined ? {} : { loglikelihoods: answer.scores }),
    },
    store: {},
    events: [],
    model_usage: {},
    attachments: {},
  }
}

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString().replace("Z", "+00:00")

/** An identifier of Inspect's form (22 letters and digits) out of what is to be told apart. */
const idOf = (digest: string, name: string): string =>
  `${digest}${name}`
    .replaceAll(/[^a-z0-9]/gi, "")
    .padEnd(22, "0")
    .slice(0, 22)

/** The log of one task, as text. A figure is a score with its mean and standard error. */
export const inspectLog = (evaluation: Evaluation, task: EvaluatedTask): string => {
  const { adapter, engine, hmx, limit, model, seconds, started, step } = evaluation
  const begin = iso(started ?? 0)
  const end = iso((started ?? 0) + 1000 * (seconds ?? 0))
  const name = `hmx/${model.name}`
  const { all, asked } = counts(task)
  const samples = task.records.filter(isAnswered)
  const log = {
    version: 2,
    status: "success",
    eval: {
      eval_id: idOf(model.digest, task.name),
      run_id: idOf(model.digest, "run"),
      created: begin,
      task: task.name,
      task_id: idOf(task.name, model.digest),
      task_version: task.version ?? 0,
      task_attribs: {},
      task_args: {},
      dataset: {
        name: task.data.map((file) => file.name).join(", "),
        samples: all,
        sample_ids: samples.map(({ id }) => id),
        shuffled: false,
      },
      model: name,
      model_args: { digest: model.digest, adapter: adapter?.digest ?? null, engine: engine.name, dtype: engine.dtype },
      config: { ...(limit === null ? {} : { limit }), epochs: 1 },
      packages: { hmx },
      metadata: { step, sample: evaluation.sample, data: task.data },
    },
    plan: { name: "plan", steps: [], config: {} },
    results: {
      total_samples: all,
      completed_samples: asked,
      scores: task.measures.map(({ metric, n, stderr, value }) => ({
        name: metric,
        scorer: metric,
        scored_samples: n,
        unscored_samples: Math.max(0, all - n),
        params: {},
        metrics: {
          mean: { name: "mean", value, params: {} },
          stderr: { name: "stderr", value: stderr, params: {} },
        },
      })),
    },
    stats: { started_at: begin, completed_at: end, model_usage: {} },
    samples: samples.map((record) => sample(record, name)),
  }
  return `${JSON.stringify(log, null, 2)}\n`
}
