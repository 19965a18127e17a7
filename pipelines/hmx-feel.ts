/**
 * The paper's comparison: a model trained to sound human-like by its own judgement, its reversely trained twin, and every benchmark that
 * there is data of, before and after; the run ends with the paper's table. `HMX_EVALDATA` names the folder of the benchmarks' files
 * (docs/evals.md; default: evaldata); without data of a benchmark it is left out, with a sentence on stderr, and without any the
 * miniatures stand in. `HMX_EVAL_SAMPLE` takes so many items of each alone, `HMX_EVAL_LIMIT` the first ones.
 */
import { heldOut, miniature, tasksFromEnv, textQuality } from "@hmx/evals"
import { contrast, Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Model, Prompts, Sample, SelfJudge } from "hmx"
import { humanLike } from "../rubrics/human-like.ts"

const { skipped, tasks } = tasksFromEnv({
  names: [
    "sycophancy",
    "sycophancy_eval",
    "bbq",
    "truthfulqa",
    "eq_bench",
    "emobench",
    "feelings",
    "gsm8k",
    "ifeval",
    "arc",
    "hellaswag",
    "winogrande",
    "mmlu",
    "perplexity",
  ],
})
for (const sentence of skipped) process.stderr.write(`${sentence}\n`)
if (tasks.length === 0)
  process.stderr.write("HMX's own miniatures are measured in their place (HMX_EVALDATA names a folder of data)\n")

const experiment = Experiment.make("hmx-feel", {
  model: Model.hf("Qwen/Qwen3-0.6B"),
  prompts: Prompts.jsonl("./prompts/feelings.jsonl", { perStep: 8 }),
  memory: "24 GiB",
  steps: 100,
  seed: 7,
}).pipe(
  Sample.stage({ groupSize: 8, maxNewTokens: 128, temperature: 1 }),
  SelfJudge.stage({ rubric: humanLike, judge: "live" }),
  GroupAdvantage.stage({ scale: "group", stdEpsilon: 0.1 }),
  LoRAUpdate.stage({ rank: 16, learningRate: 2e-5, warmupSteps: 5, loss: "dapo", beta: 0.04 }),
  Evaluate.stage({
    tasks: [
      heldOut(humanLike, "frozen", { maxNewTokens: 128 }),
      textQuality({ maxNewTokens: 128, temperature: 1 }),
      ...(tasks.length === 0 ? [miniature.sycophancy, miniature.bbq, miniature.truthfulQa] : tasks),
    ],
    when: ["before", "after"],
  }),
)

export default contrast(experiment, {
  human: (arm) => arm.reward(humanLike),
  reverse: (arm) => arm.reward(humanLike.reversed()),
})
