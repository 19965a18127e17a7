/** `hmx replay RUN --from STAGE`: what another rubric, or another judge, says of a run's stored answers. */
import { escape, format, Table } from "@hmx/report"
import * as Runtime from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { Errors, type Experiment, type Reward } from "hmx"
import { isReward, loadReward } from "./loadReward.ts"
import { loadRun } from "./loadRun.ts"
import { Models } from "./Models.ts"
import { shown } from "./paths.ts"
import { endSoon, told } from "./train.ts"

export interface Options {
  readonly run: string
  readonly from: string
  readonly rubric?: string | undefined
  readonly reversed: boolean
  readonly judge?: "live" | "frozen" | undefined
  readonly store?: string | undefined
  readonly json: boolean
}

const stopped = () => process.stderr.write("\nstopped; nothing of the replay was kept but what the store has of it\n")

export const replay = Effect.fnUntraced(function* (options: Options) {
  const { from, json, judge, reversed } = options
  const { engine, folder, locate, pipeline, store } = yield* loadRun(options.run, { store: options.store })
  if (store === undefined) {
    const expected = "the store that the run used, in which its answers are (--store)"
    return yield* new Errors.BadInput({ where: folder, found: "no store", expected })
  }
  const { experiment } = pipeline
  const given = options.rubric === undefined ? rubricOf(experiment, from) : yield* loadReward(options.rubric)
  const rubric = reversed ? yield* turned(given) : options.rubric === undefined ? undefined : given
  const model = yield* (yield* Models).find(experiment.settings.model, locate, engine)
  // On stderr: stdout is the result.
  const onStep = (step: Runtime.StepComparison, of: number) =>
    void (json || process.stderr.write(`${line(step, of)}\n`))
  const work = Effect.gen(function* () {
    yield* endSoon(stopped)
    return yield* provided(
      Runtime.replay(experiment, folder, { model, locate, store, from, rubric, judge, onStep }),
    ).pipe(
      Effect.mapError((error) => told(error, pipeline)),
      Effect.onInterrupt(() => Effect.sync(stopped)),
    )
  })
  const { file, result } = yield* Effect.scoped(work)
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else process.stdout.write(`${print(result)}\n\n${escape(shown(file))}\n`)
  return undefined
})

const rubricOf = ({ stages }: Experiment.Any, from: string): Reward.Reward | undefined => {
  const options = stages.find(({ name }) => name === from)?.options
  const rubric: unknown = options !== undefined && "rubric" in options ? options.rubric : undefined
  return isReward(rubric) ? rubric : undefined
}

const bad = (where: string, found: string, expected: string) =>
  new Errors.BadInput({ where, found: escape(found, 200), expected })

/** The rubric with its scale turned round. */
const turned = (rubric: Reward.Reward | undefined) => {
  if (rubric?.kind !== "rubric")
    return Effect.fail(bad("--reversed", rubric === undefined ? "no rubric" : `a ${rubric.kind}`, "a rubric"))
  if (rubric.scale === undefined)
    return Effect.fail(bad("--reversed", `${rubric.name}, which has no scale`, "a rubric with a scale"))
  return Effect.succeed<Reward.Reward>({ ...rubric, reverse: !rubric.reverse })
}

/** The types of an experiment from a file are not known here; the runtime provides what its own stages ask for. */
const provided = <A>(effect: Effect.Effect<A, unknown, unknown>) =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  effect as Effect.Effect<A, unknown>

const titles = ["step", "reward then", "now", "spread then", "now", "rank correlation", "unscored then → now"]
const columns = titles.map((title): Table.Column => ({ title, align: "right" }))
const figure = (n: number | null): string => (n === null ? "–" : format.figure(n))

/** A step that is done, of so many. */
const line = ({ now, rankCorrelation, step, was }: Runtime.StepComparison, of: number): string =>
  `step ${step}/${of}  reward then ${figure(was.mean)}, now ${figure(now.mean)}  rank correlation ${figure(rankCorrelation)}`

const print = ({ changed, steps }: Runtime.Replayed): string => {
  const rows = steps.map(({ now, rankCorrelation, step, was }) => [
    String(step),
    figure(was.mean),
    figure(now.mean),
    figure(was.spread),
    figure(now.spread),
    figure(rankCorrelation),
    `${was.unscored} → ${now.unscored}`,
  ])
  const differs = changed.map(({ field, now, was }) => `${field}: ${JSON.stringify(was)} → ${JSON.stringify(now)}`)
  return [
    ...(differs.length === 0 ? ["nothing changed"] : differs.map((line) => escape(line, 200))),
    "",
    Table.render(columns, rows),
  ].join("\n")
}
