/** Puts what arms measured side by side. Pure. */
import type { Artefact } from "hmx"
import type { ArmResult, Comparison, Difference, Measured, OverSeeds } from "./Comparison.ts"
import { interval, mean, std } from "./interval.ts"

/** What is known of an arm. */
export interface Arm extends ArmResult {
  readonly before: ReadonlyArray<Artefact.Measure>
  readonly after: ReadonlyArray<Artefact.Measure>
}

const key = (m: { readonly task: string; readonly metric: string }): string => JSON.stringify([m.task, m.metric])
const figure = (measures: ReadonlyArray<Artefact.Measure>, of: string) => {
  const found = measures.find((m) => key(m) === of)
  return found === undefined ? null : { value: found.value, stderr: found.stderr, n: found.n }
}

/** Where an arm stands, without its seed: what its runs under other seeds have in common. */
export const group = ({ at, name }: Pick<ArmResult, "at" | "name">): string => {
  const rest = Object.entries(at).filter(([dimension]) => dimension !== "seed")
  if (rest.length === 0) return Object.keys(at).length === 0 ? name : "all"
  return rest.map(([dimension, v]) => (dimension === "arm" ? String(v) : `${dimension}=${String(v)}`)).join(",")
}

export const compare = (kind: Comparison["kind"], name: string, arms: ReadonlyArray<Arm>): Comparison => {
  const all = new Map(arms.flatMap(({ after, before }) => [...before, ...after]).map((m) => [key(m), m]))
  const measures = [...all].map(([of, { higherIsBetter, metric, task }]): Measured => ({
    task,
    metric,
    higherIsBetter,
    before: arms.map(({ before }) => figure(before, of)),
    after: arms.map(({ after }) => figure(after, of)),
  }))
  const groups = [...new Set(arms.map(group))]
  return {
    kind,
    name,
    arms: arms.map(result),
    measures,
    differences: measures.flatMap((measure) => differences(measure, arms, groups)),
    overSeeds: measures.flatMap((measure) => overSeeds(measure, arms, groups)),
  }
}

const result = ({ adapter, at, because, first, last, name, state, step, steps }: Arm): ArmResult => ({
  name,
  at,
  state,
  ...(because === undefined ? {} : { because }),
  step,
  steps,
  adapter,
  first,
  last,
})

/** Of every group of arms to the first one. */
const differences = (
  measure: Measured,
  arms: ReadonlyArray<Arm>,
  groups: ReadonlyArray<string>,
): ReadonlyArray<Difference> => {
  const [first, ...others] = groups
  if (first === undefined) return []
  const { higherIsBetter, metric, task } = measure
  return others.flatMap((other): ReadonlyArray<Difference> => {
    const pairs = arms.flatMap((a, i) => {
      if (group(a) !== first) return []
      const j = arms.findIndex((b) => group(b) === other && b.at["seed"] === a.at["seed"])
      const [more, less] = [measure.after[i], measure.after[j]]
      return more === null || more === undefined || less === null || less === undefined ? [] : [{ more, less }]
    })
    const values = pairs.map(({ less, more }) => more.value - less.value)
    const [pair] = pairs
    if (pair === undefined) return []
    const { high, low, value } = interval(values, Math.hypot(pair.more.stderr, pair.less.stderr))
    return [{ task, metric, higherIsBetter, more: first, less: other, value, low, high, pairs: pairs.length }]
  })
}

const overSeeds = (
  measure: Measured,
  arms: ReadonlyArray<Arm>,
  groups: ReadonlyArray<string>,
): ReadonlyArray<OverSeeds> =>
  groups.flatMap((of) => {
    const values = arms.flatMap((arm, i) => (group(arm) === of ? (measure.after[i]?.value ?? []) : []))
    const { metric, task } = measure
    return values.length < 2 ? [] : [{ task, metric, of, mean: mean(values), std: std(values), seeds: values.length }]
  })
