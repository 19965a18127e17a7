import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type Artefact, Errors, Judge, RemoteJudge, type Reward, type Task } from "hmx"
import { heldOutAnswers, type SampleOptions, withDefaults } from "./answers.ts"
import { keepAnswers } from "./keepAnswers.ts"
import { mean, meanOfGroups } from "./statistics.ts"

export interface HeldOutOptions extends SampleOptions {
  /** An answer cut off at the token limit: judged as it stands (the default), given the lowest score, or unscored. */
  readonly unfinished?: Judge.Unfinished
  /** Answers shown to people. Default 8. */
  readonly show?: number
}

/**
 * Scores answers to questions that are never trained on, by a judge that is not in training: the frozen base, or a server (the
 * `RemoteJudge` service; BadInput where there is none). Figures: the mean score, the mean of every part of it (a rubric's criteria) as
 * it was read, and the share of answers without a verdict, which count in no mean. Standard errors are over questions.
 *
 * A function of one's own is read by no judge: of such a reward (or a mix of such alone, which `Experiment.problems` sees) it is a
 * benchmark, and does not settle what a live judge owes.
 */
export function heldOut(
  reward: Reward.Plain,
  judge: "frozen" | "remote",
  options?: HeldOutOptions,
): Task.Task<"benchmark">
export function heldOut(
  reward: Reward.Reward,
  judge: "frozen" | "remote",
  options?: HeldOutOptions,
): Task.Task<"held-out">
export function heldOut(reward: Reward.Reward, judge: "frozen" | "remote", options: HeldOutOptions = {}): Task.Task {
  const { show = 8, unfinished = "judge" } = options
  const sampling = withDefaults(options)
  const task = `held_out/${reward.name}`
  const run = Effect.gen(function* () {
    const groups = yield* heldOutAnswers(sampling)
    const completions = groups.flat()
    const verdicts =
      judge === "frozen"
        ? yield* Judge.score(reward, completions, Judge.local("base"), unfinished)
        : yield* byServer(reward, completions, unfinished)
    let from = 0
    const byQuestion = groups.map((group) => verdicts.slice(from, (from += group.length)))
    const measure = (metric: string, of: (verdict: Artefact.Verdict) => ReadonlyArray<number>): Artefact.Measure => ({
      task,
      metric,
      ...meanOfGroups(byQuestion.map((group) => group.flatMap(of))),
      higherIsBetter: null,
    })
    const parts = new Set(verdicts.flatMap((verdict) => (verdict._tag === "Scored" ? Object.keys(verdict.parts) : [])))
    const figures: ReadonlyArray<readonly [string, (verdict: Artefact.Verdict) => ReadonlyArray<number>]> = [
      ["score", (verdict) => (verdict._tag === "Scored" ? [verdict.score] : [])],
      ...[...parts].map((part) => [part, (verdict: Artefact.Verdict) => partOf(verdict, part)] as const),
      ["unscored", (verdict) => [verdict._tag === "Unscored" ? 1 : 0]],
    ]
    yield* keepAnswers(
      task,
      groups.map((answers, i) => ({
        answers,
        values: Object.fromEntries(
          figures.flatMap(([metric, of]) => {
            const read = (byQuestion[i] ?? []).flatMap(of)
            return read.length === 0 ? [] : [[metric, mean(read).value]]
          }),
        ),
      })),
    )
    return {
      measures: figures.map(([metric, of]) => measure(metric, of)),
      answers: groups
        .flatMap((group) => group.slice(0, 1))
        .slice(0, show)
        .map(({ question, text }) => ({ question, answer: text })),
    }
  })
  const kind = read(reward) ? "held-out" : "benchmark"
  return { kind, name: task, version: 1, options: { reward, judge, unfinished, show, ...sampling }, run }
}

/** Whether a judge reads something for it. */
const read = (reward: Reward.Reward): boolean =>
  reward.kind === "rubric" || (reward.kind === "mix" && reward.parts.some((part) => read(part.reward)))

const partOf = (verdict: Artefact.Verdict, part: string): ReadonlyArray<number> => {
  const read = verdict._tag === "Scored" ? verdict.parts[part] : undefined
  return read === undefined ? [] : [read]
}

const byServer = (reward: Reward.Reward, completions: ReadonlyArray<Reward.Completion>, unfinished: Judge.Unfinished) =>
  Effect.gen(function* () {
    // Every task has the same services; only this one needs a server, so its absence is bad input rather than a type.
    const server = yield* Effect.serviceOption(RemoteJudge)
    if (Option.isNone(server)) {
      return yield* new Errors.BadInput({
        where: `held_out/${reward.name}`,
        found: "no remote judge",
        expected: 'a RemoteJudge service for heldOut(…, "remote")',
      })
    }
    // An answer without a verdict is counted as such: it is no reason to lose the other figures.
    const reader: Judge.Reader<Errors.RemoteUnavailable | Errors.RateLimited, never> = (readings, again) =>
      Effect.catchTag(server.value.read(readings, again), "Unparseable", ({ message }) =>
        Effect.succeed(readings.map(() => ({ failed: message }))),
      )
    return yield* Judge.score(reward, completions, reader, unfinished)
  })
