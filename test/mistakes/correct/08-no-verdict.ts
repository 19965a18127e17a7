/** A reward without a verdict on some answers. */
import { heldOut } from "@hmx/evals"
import { Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Model, Prompts, Reward, Sample, SelfJudge } from "hmx"

const brevity = Reward.make("brevity", {
  version: 1,
  score: ({ text }) => {
    const found = /"score"\s*:\s*(\d+)/.exec(text)?.[1]
    return found === undefined ? undefined : Math.min(1, Number(found) / 10)
  },
})

export default Experiment.make("08-no-verdict", {
  model: Model.nano,
  prompts: Prompts.inline(["How are you?", "What is tea?", "Who are you?", "Do you sleep?"], {
    perStep: 2,
    heldOut: ["Are you glad?", "What is rain?"],
  }),
  memory: "1 GiB",
  steps: 10,
  seed: 7,
}).pipe(
  Sample.stage({ groupSize: 8, maxNewTokens: 48, temperature: 0.8 }),
  SelfJudge.stage({ rubric: brevity, judge: "frozen" }),
  GroupAdvantage.stage({ scale: "group" }),
  LoRAUpdate.stage({ rank: 8, learningRate: 5e-3, loss: "dapo" }),
  Evaluate.stage({ tasks: [heldOut(brevity, "frozen")], when: ["before", "after"] }),
)
