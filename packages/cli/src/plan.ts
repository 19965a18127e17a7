/** `hmx plan FILE`: what a run would do, hold and take, and what of it is done already. Reads no weights, writes nothing. */
import { graphOf, mermaid, svg } from "@hmx/inspect"
import { allThere, escape, format, planned, timelineSvg } from "@hmx/report"
import { OverBudget, plan as planOf, type Planned, type PlannedArms, type PlanOptions } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import type { Experiment, Plan } from "hmx"
import { join, resolve } from "node:path"
import { aside } from "./aside.ts"
import { loadFile } from "./loadPipeline.ts"
import { type Engine, Models } from "./Models.ts"
import { asTyped } from "./namedModel.ts"
import { locateFrom, shown } from "./paths.ts"
import { Refused } from "./Refused.ts"
import { watchCode } from "./runningCode.ts"
import { type Changes, changed } from "./settings.ts"
import { storeFolder } from "./storeFolder.ts"
import { told } from "./train.ts"

export interface Options extends Changes, Engine {
  readonly file: string
  readonly arm?: string | undefined
  readonly store?: string | undefined
  readonly json: boolean
  readonly svg: boolean
  readonly mermaid: boolean
}

export const plan = Effect.fnUntraced(function* (options: Options) {
  if ([options.json, options.svg, options.mermaid].filter((wanted) => wanted).length > 1)
    return yield* new Refused({ message: "--json, --svg and --mermaid: choose one" })
  const code = watchCode()
  const { file, of } = yield* aside(loadFile(options.file))
  const { homeFolder } = yield* Effect.promise(() => import("@hmx/lm"))
  const remembered = { folder: join(homeFolder(process.env), "plans"), code: code() }
  const wanted: Pick<Plan, "entries"> =
    of.kind === "experiment" ? { entries: [{ name: "", at: {}, experiment: of }] } : of
  const entries = wanted.entries.filter(({ name }) => options.arm === undefined || name === options.arm)
  if (entries.length === 0) return yield* new Refused({ message: `--arm: ${shown(file)} has no ${options.arm ?? ""}` })
  const plans = yield* Effect.forEach(entries, ({ experiment, name }) =>
    Effect.map(one(experiment, file, options, remembered), (made) => ({ name, ...made })),
  )
  const arms = of.kind === "experiment" || options.arm !== undefined ? undefined : armsOf(of, plans)
  const [first] = plans
  if (options.svg || options.mermaid) {
    const graphs = plans.map(({ experiment, plan: made }) => drawn(experiment, made))
    process.stdout.write(
      options.mermaid
        ? mermaid(graphs)
        : svg(
            graphs,
            plans.map((p) => timelineSvg(p.plan)),
          ),
    )
  } else if (options.json) process.stdout.write(`${JSON.stringify(arms ?? first?.plan, null, 2)}\n`)
  else process.stdout.write(plans.map((p) => planned(p.plan, shown(file))).join("\n") + said(arms))
  for (const { experiment, plan: made } of plans) {
    if (made.memory.most <= made.memory.budget) continue
    const { budget, stays, weights } = made.memory
    // What would fit is in the plan itself.
    const held = made.stages.map(({ bytes, stage }) => ({ stage, bytes }))
    const over = new OverBudget({ budget, stays, weights, stages: held })
    return yield* Effect.fail(told(over, { experiment, file }))
  }
  return undefined
})

const one = Effect.fnUntraced(function* (
  given: Experiment.Any,
  file: string,
  options: Options,
  remembered: PlanOptions["remembered"],
) {
  const experiment = yield* changed(given, options)
  const locate = locateFrom(file)
  const finding = (yield* Models).find(experiment.settings.model, locate, options)
  const model = yield* Effect.mapError(finding, asTyped(options.model))
  const made = yield* aside(
    planOf(experiment, {
      model,
      locate,
      store: storeFolder(options.store),
      remembered,
      shown: (folder) => shown(resolve(folder)),
    }),
  ).pipe(Effect.mapError((e) => told(e, { experiment, file })))
  return { experiment, plan: made }
})

const armsOf = (of: Plan, plans: ReadonlyArray<{ readonly name: string; readonly plan: Planned }>): PlannedArms => ({
  format: 1,
  kind: of.kind,
  name: of.name,
  most: Math.max(...plans.map(({ plan: made }) => made.memory.most)),
  seconds: plans.reduce<number | null>(
    (sum, { plan: made }) => (sum === null || made.time.seconds === null ? null : sum + made.time.seconds),
    0,
  ),
  arms: plans.map(({ name, plan: made }) => ({ name, plan: made })),
})

const said = (arms: PlannedArms | undefined): string => {
  if (arms === undefined) return ""
  const time = arms.arms.every(({ plan: made }) => allThere(made))
    ? "all of it is in the store already"
    : arms.seconds === null
      ? "time not known"
      : `about ${format.duration(arms.seconds)}${arms.arms.every(({ plan: made }) => made.time.source === "runs") ? " at the most" : ""}`
  return `\n${arms.arms.length} arms of ${escape(arms.name)} take turns over one copy of the weights: ${format.bytes(arms.most)} at the most; ${time}; what is equal in several of them is computed once\n`
}

/** The dataflow, with what the plan says of each stage. */
const drawn = (experiment: Experiment.Any, made: Planned) => {
  const graph = graphOf(experiment)
  return {
    ...graph,
    nodes: graph.nodes.map((node, i) => {
      const stage = made.stages[i - 1]
      if (stage === undefined) return node
      const { cached, total } = stage.pieces
      const done = total > 0 && cached >= total
      return {
        ...node,
        bytes: stage.bytes,
        done,
        more: [
          ...(stage.seconds === null ? [] : [`${stage.times} × ${format.duration(stage.seconds)}`]),
          ...(total === 0 ? [] : [done ? "done already" : `${cached} of ${total} in the store`]),
          ...(stage.why === "" ? [] : [stage.why]),
        ],
      }
    }),
  }
}
