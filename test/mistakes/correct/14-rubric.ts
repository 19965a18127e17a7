/** The rubric of the shipped pipelines. */
import { heldOut } from "@hmx/evals"
import { Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Model, Prompts, Sample, SelfJudge } from "hmx"
import { humanLike } from "../../../rubrics/human-like.ts"

export default Experiment.make("14-rubric", {
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
  SelfJudge.stage({ rubric: humanLike.reversed(), judge: "live" }),
  GroupAdvantage.stage({ scale: "group" }),
  LoRAUpdate.stage({ rank: 8, learningRate: 5e-3, loss: "dapo" }),
  Evaluate.stage({ tasks: [heldOut(humanLike, "frozen")] }),
)
