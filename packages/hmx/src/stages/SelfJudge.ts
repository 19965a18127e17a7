import * as Effect from "effect/Effect"
import { type Prompt, type Rollouts, Verdicts } from "../Artefact.ts"
import { known, oneOf } from "../checks.ts"
import type {
  BadInput,
  DeviceLost,
  NonFinite,
  OutOfMemory,
  RateLimited,
  RemoteUnavailable,
  Unparseable,
} from "../Errors.ts"
import * as Judges from "../Judge.ts"
import type { LanguageModel } from "../LanguageModel.ts"
import { judgingBytes } from "../memory.ts"
import type { RemoteJudge } from "../RemoteJudge.ts"
import type { Completion, Reward } from "../Reward.ts"
import type { Rubric } from "../Rubric.ts"
import * as Stage from "../Stage.ts"
import { Step } from "../Step.ts"

/** Who reads the rubric: the policy in training, its frozen base, or a server. */
export type Judge = "live" | "frozen" | "remote"

export interface SelfJudgeOptions<J extends Judge = Judge> {
  readonly rubric: Reward
  readonly judge: J
  /** An answer cut off at the token limit: earns the reward's lowest score (the default), is judged as it stands, or is unscored. */
  readonly unfinished?: Judges.Unfinished | undefined
}

type LocalFailure = OutOfMemory | NonFinite | DeviceLost | RemoteUnavailable | BadInput

export interface SelfJudge<J extends Judge> extends Stage.Stage<
  "SelfJudge",
  Prompt | Rollouts,
  Verdicts,
  J extends "remote" ? Unparseable | RemoteUnavailable | RateLimited : LocalFailure,
  (J extends "remote" ? RemoteJudge : LanguageModel) | Step,
  "group"
> {
  readonly options: SelfJudgeOptions<J>
  readonly owes: J extends "live" ? "held-out judge" : undefined
  readonly settles: undefined
}

/** What a reward sees of a group: the last thing that the user said, and each answer. */
export const completionsOf = (prompt: Prompt, rollouts: Rollouts): ReadonlyArray<Completion> => {
  const question = prompt.messages.findLast((m) => m.role === "user")?.content ?? ""
  return rollouts.completions.map((c) => ({
    id: prompt.id,
    question,
    text: c.text,
    finish: c.finish,
    tokens: c.tokens.length,
  }))
}

/** With every default in its place: part of the identity, and each option there for a sweep to find. */
const withDefaults = <J extends Judge>({ judge, rubric, unfinished }: SelfJudgeOptions<J>) => ({
  rubric,
  judge,
  unfinished: unfinished ?? "lowest",
})

const run = (input: { readonly prompt: Prompt; readonly rollouts: Rollouts }, given: SelfJudgeOptions) =>
  Effect.gen(function* () {
    const { judge, rubric, unfinished } = withDefaults(given)
    const { by } = yield* Step
    const completions = completionsOf(input.prompt, input.rollouts)
    const verdicts =
      judge === "remote"
        ? yield* Judges.score(rubric, completions, Judges.remote, unfinished)
        : yield* Judges.score(rubric, completions, Judges.local(judge === "live" ? by : "base"), unfinished)
    return new Verdicts({ reward: nameOf(rubric), verdicts })
  })

const nameOf = ({ name, version }: Reward): string => `${name}@${version}`

/** No verdict for any of the group: none of its completions carries a gradient. */
const without = ({ rollouts }: { readonly rollouts: Rollouts }, { rubric }: SelfJudgeOptions, reason: string) =>
  new Verdicts({
    reward: nameOf(rubric),
    verdicts: rollouts.completions.map(() => ({ _tag: "Unscored" as const, reason })),
  })

/** Whether a judge reads any of it: a function needs none. */
const asks = (reward: Reward): boolean =>
  reward.kind === "rubric" || (reward.kind === "mix" && reward.parts.some((part) => asks(part.reward)))

/** The rubrics that a judge reads for a reward. */
const rubricsOf = (reward: Reward): ReadonlyArray<Rubric> =>
  reward.kind === "rubric"
    ? [reward]
    : reward.kind === "mix"
      ? reward.parts.flatMap((part) => rubricsOf(part.reward))
      : []

export const SelfJudge = {
  /** Scores each completion by a reward. Throws a RangeError where an option is not one of its words. */
  stage: <const J extends Judge>(given: SelfJudgeOptions<J>): SelfJudge<J> => {
    const options = withDefaults(given)
    known("SelfJudge.stage", given, Object.keys(options))
    const { judge, rubric, unfinished } = options
    oneOf("judge", judge, ["live", "frozen", "remote"])
    oneOf("unfinished", unfinished, ["lowest", "judge", "unscored"])
    return Stage.value({
      name: "SelfJudge",
      version: 1,
      grain: "group",
      needs: ["prompt", "rollouts"],
      gives: ["verdicts"],
      makes: Verdicts,
      options,
      owes: judge === "live" ? "held-out judge" : undefined,
      settles: undefined,
      run,
      without,
      reads: !asks(rubric) ? [] : judge === "live" ? ["policy"] : judge === "frozen" ? ["base"] : ["judge"],
      remake: SelfJudge.stage,
      reserve: (shape, { rubric }: SelfJudgeOptions, load) => {
        if (judge === "remote") return []
        const bytes = judgingBytes(shape, rubricsOf(rubric), load)
        return bytes === 0 ? [] : [{ part: "reading", bytes }]
      },
    })
  },
}
