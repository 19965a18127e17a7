import * as Effect from "effect/Effect"
import { Artefact, Sample, Stage } from "hmx"
import { expect, test } from "vitest"
import { encode, eos, policy, scripted } from "../scripted.ts"
import { prompt } from "./group.ts"

test("asks for the group by the policy of this step, keyed by seed, step and prompt", async () => {
  const { asked, layer } = scripted({ answers: () => ["good", "bad…"] })
  const stage = Sample.stage({ groupSize: 2, maxNewTokens: 5, temperature: 0.8, topK: 3, minP: 0.1 })
  const made = await Effect.runPromise(Stage.run(stage, { prompt }).pipe(Effect.provide(layer)))
  expect(asked.samples).toEqual([
    {
      prompt: encode("Be brief.\nHow are you?"),
      n: 2,
      params: { maxNewTokens: 5, temperature: 0.8, topK: 3, minP: 0.1 },
      key: { seed: 7, step: 4, prompt: 11 },
      by: { adapter: "train" },
    },
  ])
  expect(made).toEqual(
    new Artefact.Rollouts({
      promptTokens: encode("Be brief.\nHow are you?"),
      completions: [
        { tokens: [...encode("good"), eos], logprobs: [-1, -1, -1, -1, -1], text: "good", finish: "stop" },
        { tokens: encode("bad"), logprobs: [-1, -1, -1], text: "bad", finish: "length" },
      ],
      temperature: 0.8,
      policy,
      maxNewTokens: 5,
    }),
  )
})

test("what its options cannot be is said when it is made", () => {
  const base = { groupSize: Number("2"), maxNewTokens: 5 }
  const refused: ReadonlyArray<readonly [object, string]> = [
    [{ groupSize: Number("1") }, "groupSize must be a whole number of at least 2, not 1"],
    [{ maxNewTokens: 0 }, "maxNewTokens must be a whole number of at least 1, not 0"],
    [{ temperature: 0 }, "temperature must be above 0, not 0"],
    [{ topK: 0.5 }, "topK must be a whole number of at least 1, not 0.5"],
    [{ topP: 1.5 }, "topP must be above 0 and at most 1, not 1.5"],
    [{ minP: -1 }, "minP must be at least 0 and at most 1, not -1"],
    [{ repetitionPenalty: Number.NaN }, "repetitionPenalty must be above 0, not NaN"],
  ]
  for (const [change, message] of refused) {
    expect(() => Sample.stage({ ...base, ...change })).toThrow(new RangeError(message))
  }
})
