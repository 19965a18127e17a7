import * as Effect from "effect/Effect"
import { type Answer, type Measure, type Policy, Report } from "../Artefact.ts"
import { known, whole } from "../checks.ts"
import type { Data } from "../Data.ts"
import type {
  BadInput,
  DeviceLost,
  NonFinite,
  OutOfMemory,
  RateLimited,
  RemoteUnavailable,
  StorageFailed,
  Unparseable,
} from "../Errors.ts"
import type { LanguageModel } from "../LanguageModel.ts"
import * as Stage from "../Stage.ts"
import type { Step } from "../Step.ts"
import type { Kind, Task } from "../Task.ts"

/** Before the first update, after the last, or after every n updates. */
export type When = "before" | "after" | { readonly every: number }

export interface EvaluateOptions<T extends Task = Task> {
  readonly tasks: ReadonlyArray<T>
  /** Default: before and after. */
  readonly when?: ReadonlyArray<When> | undefined
}

export interface Evaluate<K extends Kind = Kind> extends Stage.Stage<
  "Evaluate",
  Policy,
  Report,
  OutOfMemory | NonFinite | DeviceLost | RemoteUnavailable | RateLimited | BadInput | Unparseable | StorageFailed,
  LanguageModel | Data | Step,
  "step"
> {
  readonly options: EvaluateOptions
  readonly owes: undefined
  readonly settles: "held-out" extends K ? "held-out judge" : "nothing"
}

/** With every default in its place: part of the identity, and each option there for a sweep to find. */
const withDefaults = ({ tasks, when }: EvaluateOptions) => ({ tasks, when: when ?? (["before", "after"] as const) })

const run = ({ policy }: { readonly policy: Policy }, { tasks }: EvaluateOptions) =>
  Effect.gen(function* () {
    const measures: Array<Measure> = []
    const answers: Array<Answer> = []
    for (const task of tasks) {
      const result = yield* task.run
      measures.push(...result.measures)
      answers.push(...result.answers)
    }
    return new Report({ policy: policy.ref, measures, answers })
  })

export const Evaluate = {
  /** Measures the policy on tasks, one after another. Throws a RangeError without tasks, or where two have one name. */
  stage: <T extends Task>(options: EvaluateOptions<T>): Evaluate<T["kind"]> => {
    const made = withDefaults(options)
    known("Evaluate.stage", options, Object.keys(made))
    const { tasks, when } = made
    if (tasks.length === 0) throw new RangeError("Evaluate needs at least one task")
    if (when.length === 0) throw new RangeError("Evaluate needs a time to measure at: before, after or { every: n }")
    for (const w of when) if (typeof w === "object") whole("every", w.every, 1)
    const twice = tasks.find((task, i) => tasks.findIndex((t) => t.name === task.name) !== i)
    if (twice !== undefined) throw new RangeError(`Evaluate has ${twice.name} twice`)
    return Stage.value({
      name: "Evaluate",
      version: 1,
      grain: "step",
      needs: ["policy"],
      gives: ["report"],
      makes: Report,
      options: made,
      owes: undefined,
      settles: tasks.some((t) => t.kind === "held-out") ? "held-out judge" : "nothing",
      run,
      // A held-out judge may be on a server.
      reads: ["policy", "seed", "step", "data", "judge"],
      tuning: ["when"],
      remake: Evaluate.stage,
    })
  },

  /** Whether it measures after any update of `steps`. */
  measures: (options: EvaluateOptions, steps: number): boolean =>
    withDefaults(options).when.some((w) => w === "after" || (typeof w === "object" && w.every <= steps)),

  /** Whether it measures after update `step` of `steps` (0: before the first). */
  due: (options: EvaluateOptions, step: number, steps: number): boolean =>
    withDefaults(options).when.some((w) => {
      if (w === "before") return step === 0
      if (w === "after") return step === steps
      return step > 0 && step % w.every === 0
    }),
}
