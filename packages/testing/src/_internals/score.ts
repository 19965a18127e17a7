/** Scores completions as the runtime does: rubrics are read from a language model, which here goes by a script. */
import * as Effect from "effect/Effect"
import { type Artefact, Judge, LanguageModel, type Reward, type Rubric } from "hmx"
import type { Choice } from "../ScriptedModel.ts"
import { mixText } from "./hash.ts"
import { make } from "./scripted.ts"

/** A judge that reads the answer closely: any change of a letter changes its mind, from sure to no opinion at all. */
const moody = ({ context, continuation }: Choice): number => {
  const h = mixText(mixText(29, context), continuation)
  return h % 16 === 0 ? Number.NEGATIVE_INFINITY : -((h >>> 4) % 4000) / 500
}

export type Script = (choice: Choice) => number

/** Whether a rubric stands in a reward. */
export const readByJudge = (reward: Reward.Reward): boolean =>
  reward.kind === "rubric" || (reward.kind === "mix" && reward.parts.some((part) => readByJudge(part.reward)))

/** A fresh model for every call, so that nothing but the reward can remember. */
export const score = (
  reward: Reward.Reward,
  completions: ReadonlyArray<Reward.Completion>,
  judge: Script = moody,
): ReadonlyArray<Artefact.Verdict> =>
  readByJudge(reward)
    ? Effect.runSync(
        Judge.score(reward, completions, Judge.local("base")).pipe(
          Effect.provideService(LanguageModel, make({ choice: judge }).model),
          Effect.orDie,
        ),
      )
    : // Where nothing is read, a plan is the verdict.
      completions.map((completion) => Judge.plan(reward, completion).verdict([]))

/**
 * What an answer earns without what a judge would give: the functions of a mix, by their weights in it. With a judge's script, all of
 * it. Undefined where there is no verdict.
 */
export const earned = (
  reward: Reward.Reward,
  completion: Reward.Completion,
  judge: Script | undefined,
): number | undefined => {
  if (judge !== undefined || !readByJudge(reward)) {
    const [verdict] = score(reward, [completion], judge)
    return verdict?._tag === "Scored" ? verdict.score : undefined
  }
  if (reward.kind !== "mix") return 0
  const total = reward.parts.reduce((sum, part) => sum + part.weight, 0)
  let sum = 0
  for (const part of reward.parts) {
    const found = earned(part.reward, completion, judge)
    if (found === undefined) return undefined
    sum += (part.weight / total) * found
  }
  return sum
}

/** The rubrics in a reward. */
export const rubricParts = (reward: Reward.Reward): ReadonlyArray<Rubric.Rubric> => {
  if (reward.kind === "rubric") return [reward]
  return reward.kind === "mix" ? reward.parts.flatMap((part) => rubricParts(part.reward)) : []
}

/** The plain functions in a reward. */
export const plainParts = (reward: Reward.Reward): ReadonlyArray<Reward.Plain> => {
  if (reward.kind === "function") return [reward]
  return reward.kind === "mix" ? reward.parts.flatMap((part) => plainParts(part.reward)) : []
}

/** What the function itself gives, which `Judge` would turn into "unscored" where it is not a number of its range. */
export const raw = (
  part: Reward.Plain,
  completion: Reward.Completion,
): { readonly value: unknown } | { readonly threw: unknown } => {
  try {
    // `Reward.make` ties the options to what `score` takes; the pair is kept together in the value.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return { value: part.score(completion, part.options as never) }
  } catch (threw) {
    return { threw }
  }
}
