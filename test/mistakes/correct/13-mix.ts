/** A weighted mix with options. */
import { heldOut } from "@hmx/evals"
import { Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Model, Prompts, Reward, Sample, SelfJudge } from "hmx"

const brevity = Reward.make("brevity", {
  version: 2,
  options: { most: 20 },
  score: ({ tokens }, { most }) => Math.min(1, most / Math.max(1, tokens)),
})
const polite = Reward.make("polite", { version: 1, score: ({ text }) => (text.includes("please") ? 1 : 0) })
const mixed = Reward.mix([0.8, brevity], [0.2, polite])

export default Experiment.make("13-mix", {
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
  SelfJudge.stage({ rubric: mixed, judge: "frozen" }),
  GroupAdvantage.stage({ scale: "group" }),
  LoRAUpdate.stage({ rank: 8, learningRate: 5e-3, loss: "dapo" }),
  Evaluate.stage({ tasks: [heldOut(brevity, "frozen")], when: ["before", "after"] }),
)
