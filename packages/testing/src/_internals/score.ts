/** Scores completions as the runtime does: rubrics are read from a language model, which here goes by a script. */
import * as Effect from "effect/Effect"
import { type Artefact, Judge, LanguageModel, type Reward } from "hmx"
import type { Choice } from "../ScriptedModel.ts"
import { mixText } from "./hash.ts"
import { make } from "./scripted.ts"

/** A judge that reads the answer closely: any change of a letter changes its mind, from sure to no opinion at all. */
const moody = ({ context, continuation }: Choice): number => {
  const h = mixText(mixText(29, context), continuation)
  return h % 16 === 0 ? Number.NEGATIVE_INFINITY : -((h >>> 4) % 4000) / 500
}

export type Script = (choice: Choice) => number

/** A fresh model for every call, so that nothing but the reward can remember. */
export const score = (
  reward: Reward.Reward,
  completions: ReadonlyArray<Reward.Completion>,
  judge: Script = moody,
): ReadonlyArray<Artefact.Verdict> =>
  Effect.runSync(
    Judge.score(reward, completions, Judge.local("base")).pipe(
      Effect.provideService(LanguageModel, make({ choice: judge }).model),
      Effect.orDie,
    ),
  )

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
