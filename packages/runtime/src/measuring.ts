/** Which stages measure, and what of their figures can be kept. */
import { Artefact, type Evaluate, type Stage } from "hmx"

/** Stages that measure the policy at times of their own, between steps. */
export const measures = (stage: Stage.Any): boolean => stage.settles !== undefined

/** Only `Evaluate.stage` makes a stage that settles something, and it checks its options. */
export const isEvaluate = (stage: Stage.Any): stage is Evaluate => measures(stage)

/** What a stage measures by. */
export const tasksOf = (stage: Stage.Any) => (isEvaluate(stage) ? stage.options.tasks : [])

const has = ({ n, stderr, value }: Artefact.Measure): boolean =>
  n > 0 && Number.isFinite(value) && Number.isFinite(stderr)

/** Names shown of figures that are left out. */
const shown = 8

/**
 * A report without the figures of which nothing was measured (of no items, or not finite: JSON has no such number), and a sentence
 * that names those.
 */
export const measured = (report: Artefact.Report) => {
  const without = report.measures.filter((m) => !has(m)).map(({ metric, n, task }) => `${task} ${metric} (n = ${n})`)
  if (without.length === 0) return { report, left: undefined }
  const { answers, policy } = report
  const more = without.length > shown ? ` and ${without.length - shown} more` : ""
  return {
    report: new Artefact.Report({ policy, answers, measures: report.measures.filter(has) }),
    left: `left out of the report, for lack of a figure: ${without.slice(0, shown).join(", ").slice(0, 400)}${more}`,
  }
}
