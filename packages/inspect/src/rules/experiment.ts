/** What the value of an experiment shows, beside the wiring. */
import { Evaluate, Experiment, identity } from "hmx"
import { how } from "../codes.ts"
import type { Said } from "../Finding.ts"
import { told } from "../types.ts"

/** A finding at a stage, and at one of its options where one is named. */
export interface AtStage extends Said {
  /** Place among the stages, from 0. */
  readonly index: number
  readonly option?: string
}

/** The problems of a value. Of the wiring the first, as the compiler has it: the next ones follow from it more often than not. */
export const experimentProblems = (experiment: Experiment.Any): ReadonlyArray<AtStage> => [
  ...Experiment.problems(experiment)
    .slice(0, 1)
    .map((p) => ({ ...told(p.sentence), index: p.index })),
  ...(isWhole(experiment)
    ? [
        ...sameNames(experiment),
        ...neverMeasured(experiment),
        ...longWarmup(experiment),
        ...withoutIdentity(experiment),
      ]
    : []),
]

/** Whether all that was piped is stages: a JavaScript file, a cast or a mistake may have put anything there. */
export const isWhole = ({ stages }: { readonly stages: ReadonlyArray<unknown> }): boolean =>
  stages.every((s) => typeof s === "object" && s !== null && "options" in s && "gives" in s && "run" in s)

const number = (options: object, name: string): number | undefined => {
  const value = Object.entries(options).find(([key]) => key === name)?.[1]
  return typeof value === "number" ? value : undefined
}

/** Two Evaluates measure at two times; any other stage's second run overwrites what its first one made. */
const sameNames = ({ stages }: Experiment.Any): ReadonlyArray<AtStage> =>
  stages.flatMap((stage, index) => {
    const first = stages.findIndex((other) => other.name === stage.name)
    if (first === index || typeof stage.name !== "string" || stage.settles !== undefined) return []
    return [
      {
        index,
        code: "HMX108",
        why: `${stage.name} stands twice in the pipeline (stages ${first + 1} and ${index + 1}), and what it makes is known by its name`,
        how: how.HMX108,
      },
    ]
  })

/** A pipeline that trains is measured after its last update by one of its Evaluates. */
const neverMeasured = ({ settings, stages }: Experiment.Any): ReadonlyArray<AtStage> => {
  const evaluates = stages.flatMap((stage, index) => (isEvaluate(stage) ? [{ index, options: stage.options }] : []))
  const trains = stages.some((stage) => stage.gives.includes("policy"))
  const [first] = evaluates
  if (first === undefined || !trains) return []
  const after = Array.from({ length: settings.steps }, (_, i) => i + 1)
  if (evaluates.some(({ options }) => after.some((step) => Evaluate.due(options, step, settings.steps)))) return []
  return [
    {
      index: first.index,
      option: "when",
      code: "HMX206",
      why: `Evaluate never measures the trained policy: in ${settings.steps} steps it is due at no time after the first update`,
      how: how.HMX206,
    },
  ]
}

type Stage = Experiment.Any["stages"][number]
const isEvaluate = (stage: Stage): stage is Stage & { readonly options: Parameters<typeof Evaluate.due>[0] } =>
  stage.name === "Evaluate" && "tasks" in stage.options && "when" in stage.options

const longWarmup = ({ settings, stages }: Experiment.Any): ReadonlyArray<AtStage> =>
  stages.flatMap((stage, index) => {
    const warmup = number(stage.options, "warmupSteps") ?? 0
    const updates = settings.steps * (number(stage.options, "numIterations") ?? 1)
    // At t = w the rate is whole, so as many updates as steps of warm-up reach it once.
    if (warmup <= updates) return []
    return [
      {
        index,
        option: "warmupSteps",
        code: "HMX208",
        why: `the warm-up of ${stage.name} takes ${warmup} updates and the run has ${updates}, so the learning rate is never reached`,
        how: how.HMX208,
      },
    ]
  })

/** What cannot be part of an experiment's identity cannot be part of its options. */
const withoutIdentity = ({ stages }: Experiment.Any): ReadonlyArray<AtStage> =>
  stages.flatMap((stage, index) => {
    try {
      identity(stage.options)
      return []
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      const code = error.message.includes(" is a function ") ? ("HMX209" as const) : ("HMX203" as const)
      const option = /^\w+/.exec(error.message)?.[0]
      const why = `${error.message.split(":")[0]} (${stage.name})`
      return [{ index, code, why, how: how[code], ...(option === undefined ? {} : { option }) }]
    }
  })
