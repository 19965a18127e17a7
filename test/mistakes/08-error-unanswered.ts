/** A stage of one's own fails on long answers, and nothing says what happens then.
 * expect: HMX104
 */
import { heldOut } from "@hmx/evals"
import { Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Model, Prompts, Reward, Sample, Stage, Artefact, SelfJudge } from "hmx"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const brevity = Reward.make("brevity", { version: 1, score: (answer) => 1 / (1 + answer.text.length) })
class Lengths extends Schema.TaggedClass<Lengths>()("lengths", { of: Schema.Array(Schema.Int) }) {}
class TooLong extends Schema.TaggedError<TooLong>()("TooLong", { tokens: Schema.Int }) {}
const measure = Stage.make("Measure", {
  version: 1,
  grain: "group",
  needs: [Artefact.Rollouts],
  gives: Lengths,
  run: ({ rollouts }) => {
    const of = rollouts.completions.map((c) => c.tokens.length)
    return Math.max(...of) > 40 ? Effect.fail(new TooLong({ tokens: 40 })) : Effect.succeed(new Lengths({ of }))
  },
})

export default Experiment.make("08-error-unanswered", {
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
