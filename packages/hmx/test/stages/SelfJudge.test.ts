import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Artefact, RemoteJudge, SelfJudge, Stage } from "hmx"
import { expect, test } from "vitest"
import { humanLike } from "../../../../rubrics/human-like.ts"
import { decode, scripted, type Script } from "../scripted.ts"
import { completion, prompt, rollouts } from "./group.ts"

/** A server of which no reading is answered. */
const asleep = Layer.succeed(
  RemoteJudge,
  RemoteJudge.of({ read: (readings) => Effect.succeed(readings.map(() => ({ failed: "it is asleep" }))) }),
)

const group = rollouts([completion("glad"), completion("rain"), completion("on and", "length")])
const script: Script = {
  logprob: (context, word) => Math.log((word === "yes") === context.includes("glad") ? 0.9 : 0.1),
}
const judged = async (stage: Stage.Any, server = asleep) => {
  const { asked, layer } = scripted(script)
  const made = await Effect.runPromise(
    Stage.run(stage, { prompt, rollouts: group }).pipe(Effect.provide(Layer.mergeAll(layer, server))),
  )
  if (!(made instanceof Artefact.Verdicts)) throw new Error("no verdicts")
  return { asked, made }
}

test("reads the rubric by the policy in training, or by its frozen base, in one call", async () => {
  const live = await judged(SelfJudge.stage({ rubric: humanLike, judge: "live" }))
  const frozen = await judged(SelfJudge.stage({ rubric: humanLike, judge: "frozen" }))
  expect(live.asked.choices.map((r) => r.length)).toEqual([6])
  expect(live.asked.choices[0]?.[0]?.by).toEqual({ adapter: "train" })
  expect(frozen.asked.choices[0]?.[0]?.by).toBe("base")
  const context = live.asked.choices[0]?.[0]?.context ?? []
  expect(decode(context)).toBe("Question: How are you?\nAnswer: glad\nDoes the answer express feelings?")
  expect(live.made.reward).toBe("human-like@1")
  const scores = live.made.verdicts.map((v) => (v._tag === "Scored" ? v.score.toFixed(6) : v.reason))
  expect(scores).toEqual(["0.900000", "0.100000", "0.000000"])
})

test("an answer cut off earns the lowest score of the reversed rubric too", async () => {
  const { made } = await judged(SelfJudge.stage({ rubric: humanLike.reversed(), judge: "frozen" }))
  const scores = made.verdicts.map((v) => (v._tag === "Scored" ? v.score.toFixed(6) : v.reason))
  expect(scores).toEqual(["0.100000", "0.900000", "0.000000"])
})

test("a remote judge is asked through its service", async () => {
  const { asked, made } = await judged(SelfJudge.stage({ rubric: humanLike, judge: "remote", unfinished: "judge" }))
  expect(asked.choices).toEqual([])
  expect(made.verdicts[2]).toEqual({ _tag: "Unscored", reason: "human-like: feelings: it is asleep" })
})
