/** The layout of lm-evaluation-harness's results JSON (0.4), so that its readers read ours. */
import { counts, type EvaluatedTask, type Evaluation } from "./Evaluation.ts"

/** "exact_match,strict-match" has its filter; other metrics have none. */
const parted = (metric: string): readonly [string, string] => {
  const comma = metric.indexOf(",")
  return comma < 0 ? [metric, "none"] : [metric.slice(0, comma), metric.slice(comma + 1)]
}

const ofTask = ({ measures, name }: EvaluatedTask) => {
  const figures: Record<string, string | number> = { alias: name }
  for (const { metric, stderr, value } of measures) {
    const [of, filter] = parted(metric)
    figures[`${of},${filter}`] = value
    figures[`${of}_stderr,${filter}`] = stderr
  }
  return figures
}

const by = <A>(tasks: ReadonlyArray<EvaluatedTask>, of: (task: EvaluatedTask) => A): { readonly [task: string]: A } =>
  Object.fromEntries(tasks.map((task) => [task.name, of(task)]))

/** As text. What the harness has and we do not (hashes of tasks, its own git commit) is left out. */
export const lmEval = (evaluation: Evaluation): string => {
  const { adapter, engine, hmx, limit, model, sample, seconds, seed, started, step, tasks } = evaluation
  const results = {
    results: by(tasks, ofTask),
    group_subtasks: by(tasks, () => []),
    configs: by(tasks, ({ data, name, version }) => ({
      task: name,
      dataset_path: data.map((file) => file.name).join(", "),
      dataset_kwargs: { sha256: data.map(({ sha256 }) => sha256) },
      metadata: { version },
    })),
    versions: by(tasks, ({ version }) => version),
    "n-shot": by(tasks, ({ shots }) => shots),
    higher_is_better: by(tasks, ({ measures }) =>
      Object.fromEntries(
        measures.flatMap(({ higherIsBetter, metric }) =>
          higherIsBetter === null ? [] : [[parted(metric)[0], higherIsBetter]],
        ),
      ),
    ),
    "n-samples": by(tasks, (task) => ({ original: counts(task).all, effective: counts(task).asked })),
    config: {
      model: "hmx",
      model_args: [`pretrained=${model.name}`, ...(adapter === null ? [] : [`peft=${adapter.path}`])].join(","),
      model_num_parameters: null,
      model_dtype: engine.dtype,
      model_sha: model.digest,
      adapter_sha: adapter?.digest ?? null,
      batch_size: null,
      device: engine.device,
      limit,
      sample,
      step,
      random_seed: seed,
    },
    git_hash: null,
    date: started === null ? null : started / 1000,
    hmx_version: hmx,
    model_source: "hmx",
    model_name: model.name,
    total_evaluation_time_seconds: seconds === null ? null : String(seconds),
  }
  return `${JSON.stringify(results, null, 2)}\n`
}
