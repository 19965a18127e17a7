/** The word list is read from the working directory at every answer.
 * expect: HMX304
 */
import { heldOut } from "@hmx/evals"
import { Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Model, Prompts, Reward, Sample, SelfJudge } from "hmx"

import { existsSync, readFileSync } from "node:fs"

const words = () => (existsSync("words.txt") ? readFileSync("words.txt", "utf8").split("\n") : [])
const brevity = Reward.make("brevity", {
  version: 1,
  score: (answer) => (words().some((word) => word !== "" && answer.text.includes(word)) ? 0 : 1) / (1 + answer.tokens),
})

export default Experiment.make("32-reads-a-file", {
  model: Model.nano,
  prompts: Prompts.inline(["How are you?", "What is tea?", "Who are you?", "Do you sleep?"], { perStep: 2, heldOut: ["Are you glad?", "What is rain?"] }),
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
