/** A stage asks for a service that no run provides.
 * expect: HMX109
 */
import { heldOut } from "@hmx/evals"
import { Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Model, Prompts, Reward, Sample, Stage, Artefact, SelfJudge } from "hmx"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const brevity = Reward.make("brevity", { version: 1, score: (answer) => 1 / (1 + answer.text.length) })
class Lengths extends Schema.TaggedClass<Lengths>()("lengths", { of: Schema.Array(Schema.Int) }) {}
class Counter extends Context.Service<Counter, { readonly count: (text: string) => number }>()("Counter") {}
const measure = Stage.make("Measure", {
  version: 1,
  grain: "group",
  needs: [Artefact.Rollouts],
  gives: Lengths,
  run: ({ rollouts }) =>
    Effect.map(Counter, ({ count }) => new Lengths({ of: rollouts.completions.map(({ text }) => count(text)) })),
})

export default Experiment.make("51-service-of-nobody", {
  model: Model.nano,
  prompts: Prompts.inline(["How are you?", "What is tea?", "Who are you?", "Do you sleep?"], { perStep: 2, heldOut: ["Are you glad?", "What is rain?"] }),
  memory: "1 GiB",
  steps: 10,
  seed: 7,
}).pipe(
  Sample.stage({ groupSize: 8, maxNewTokens: 48, temperature: 0.8 }),
  measure,
  SelfJudge.stage({ rubric: brevity, judge: "frozen" }),
  GroupAdvantage.stage({ scale: "group" }),
  LoRAUpdate.stage({ rank: 8, learningRate: 5e-3, loss: "dapo" }),
  Evaluate.stage({ tasks: [heldOut(brevity, "frozen")], when: ["before", "after"] }),
)
