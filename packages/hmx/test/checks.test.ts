import {
  Evaluate,
  Experiment,
  GroupAdvantage,
  LoRAUpdate,
  Model,
  Prompts,
  Reward,
  Rubric,
  Sample,
  SelfJudge,
} from "hmx"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { known } from "../src/checks.ts"

/** A file that is run and not compiled can hold any key. */
const with_ = <A extends object>(options: A, odd: object): A => ({ ...options, ...odd })

const brevity = Reward.make("brevity", { version: 1, score: (c) => 1 / Math.max(1, c.tokens) })
const task = {
  kind: "benchmark",
  name: "t",
  version: 1,
  options: {},
  run: Effect.succeed({ measures: [], answers: [] }),
} as const

describe("a misspelled option is refused where no compiler has read the file", () => {
  it.each([
    [
      "Sample.stage has no option tempreture: did you mean temperature?",
      () => Sample.stage(with_({ groupSize: 8, maxNewTokens: 4 }, { tempreture: 1 })),
    ],
    [
      "SelfJudge.stage has no option unfinnished: did you mean unfinished?",
      () => SelfJudge.stage(with_({ rubric: brevity, judge: "frozen" as const }, { unfinnished: "judge" })),
    ],
    [
      "GroupAdvantage.stage has no option stdepsilon: did you mean stdEpsilon?",
      () => GroupAdvantage.stage(with_({ scale: "group" as const }, { stdepsilon: 1 })),
    ],
    [
      "LoRAUpdate.stage has no option los: did you mean loss?",
      () => LoRAUpdate.stage(with_({ rank: 8, learningRate: 1e-3, loss: "dapo" as const }, { los: "grpo" })),
    ],
    [
      "Evaluate.stage has no option task: did you mean tasks?",
      () => Evaluate.stage(with_({ tasks: [task] }, { task })),
    ],
    [
      "Experiment.make has no option step: did you mean steps?",
      () =>
        Experiment.make(
          "x",
          with_(
            { model: Model.nano, prompts: Prompts.inline(["a"]), memory: "1 GiB" as const, steps: 1, seed: 1 },
            { step: 2 },
          ),
        ),
    ],
    [
      "the reward r has no option rnage: did you mean range?",
      () => Reward.make("r", with_({ version: 1, score: () => 1 }, { rnage: { min: 0, max: 2 } })),
    ],
    [
      "the rubric r has no option criterias: did you mean criteria?",
      () => Rubric.make("r", with_({ version: 1, criteria: [], readOut: Rubric.yesNo() }, { criterias: [] })),
    ],
  ])("%s", (sentence, make) => {
    expect(make).toThrow(new RangeError(sentence))
  })

  it("what is like no option is told all of them", () => {
    expect(() => known("it", { elephant: 1 }, ["steps", "seed"])).toThrow(
      "it has no option elephant; it has steps, seed",
    )
    expect(() => known("it", { seed: 1 }, ["steps", "seed"])).not.toThrow()
  })
})
