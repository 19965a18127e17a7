/** A table that the module fills while it loads, and that nothing changes afterwards. */
import { heldOut } from "@hmx/evals"
import { Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Model, Prompts, Reward, Sample, SelfJudge } from "hmx"

const weights = new Map<string, number>()
for (const [i, word] of ["glad", "happy", "calm"].entries()) weights.set(word, 1 - i / 4)
const brevity = Reward.make("brevity", {
  version: 1,
  score: ({ text }) =>
    Math.max(
      0,
      ...text
        .toLowerCase()
        .split(/\W+/)
        .map((word) => weights.get(word) ?? 0),
    ),
})

export default Experiment.make("04-table-filled-at-load", {
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
