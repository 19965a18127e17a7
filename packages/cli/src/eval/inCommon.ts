/** Evaluations cut down to the items that all of them have answered, so that figures beside each other are of the same questions. */
import { byName, estimate, evaluated } from "@hmx/evals"
import { type Compared, escape, type EvaluatedTask, type Evaluation } from "@hmx/report"
import * as Result from "effect/Result"
import { type Artefact, Errors, type ItemRecord } from "hmx"
import { metricsOf, outcomes } from "./metricsOf.ts"

/** An evaluation by the name that it has beside others: an arm's, or "before". */
export interface Side {
  readonly name: string
  readonly evaluation: Evaluation
}

export interface InCommon<S extends Side> {
  readonly sides: ReadonlyArray<S>
  /** Tasks of which not every side has the same items, with how many there are. */
  readonly cuts: NonNullable<Compared["cuts"]>
}

/** A side's part in a task. */
interface Part {
  readonly side: string
  readonly task: EvaluatedTask
}

type Cut = InCommon<Side>["cuts"][number]

/**
 * Tasks that all sides have are cut down to the items that all have answered, and their figures are taken over these. Refuses (BadInput)
 * sides whose data, version or solved examples differ, who were asked something else under one id, who have no item in common, or of
 * whose different items no records are there. Tasks that a side lacks stay as they are.
 */
export const inCommon = <S extends Side>(sides: ReadonlyArray<S>): Result.Result<InCommon<S>, Errors.BadInput> =>
  Result.gen(function* () {
    const cut = new Map<string, { readonly cut: Cut; readonly tasks: ReadonlyArray<EvaluatedTask> }>()
    const [first] = sides
    for (const { name } of first?.evaluation.tasks ?? []) {
      const parts = sides.flatMap(({ evaluation, name: side }): ReadonlyArray<Part> => {
        const task = evaluation.tasks.find((one) => one.name === name)
        return task === undefined ? [] : [{ side, task }]
      })
      if (parts.length < sides.length) continue
      const found = yield* ofTask(name, parts)
      if (found !== undefined) cut.set(name, found)
    }
    const cuts = [...cut.values()].map((one) => one.cut)
    if (cuts.length === 0) return { sides, cuts }
    const less = sides.map((side, i): S => ({
      ...side,
      evaluation: {
        ...side.evaluation,
        tasks: side.evaluation.tasks.map((task) => cut.get(task.name)?.tasks[i] ?? task),
      },
    }))
    return { sides: less, cuts }
  })

const refused = (task: string, found: string, expected: string) =>
  Result.fail(new Errors.BadInput({ where: `task ${escape(task, 100)}`, found, expected }))

const digests = ({ data }: EvaluatedTask): string | undefined =>
  data.length === 0
    ? undefined
    : data
        .map(({ sha256 }) => sha256)
        .toSorted()
        .join(" ")

/** What must not differ, and is known of an evaluation or not. */
const premises: ReadonlyArray<readonly [string, (task: EvaluatedTask) => string | number | null | undefined]> = [
  ["other data", digests],
  ["another version", ({ version }) => version],
  ["other solved examples", ({ shots }) => shots],
]

/** Two sides of which one has, and is known to have, something else. */
const differing = (parts: ReadonlyArray<Part>, of: (typeof premises)[number][1]): readonly [Part, Part] | undefined => {
  const known = parts.filter(({ task }) => (of(task) ?? undefined) !== undefined)
  const [first] = known
  const other = first === undefined ? undefined : known.find(({ task }) => of(task) !== of(first.task))
  return first === undefined || other === undefined ? undefined : [first, other]
}

const ofTask = (name: string, parts: ReadonlyArray<Part>) =>
  Result.gen(function* () {
    for (const [what, of] of premises) {
      const two = differing(parts, of)
      if (two !== undefined)
        return yield* refused(
          name,
          `${what} in ${two[1].side} than in ${two[0].side}`,
          "evaluations on the same questions",
        )
    }
    const kept = parts.map(({ task }) => new Map(task.records.map((record) => [record.id, record])))
    const bare = parts.find((_, i) => (kept[i]?.size ?? 0) === 0)
    if (bare !== undefined) {
      const ns = new Set(parts.map(({ task }) => JSON.stringify(task.measures.map(({ metric, n }) => [metric, n]))))
      if (ns.size === 1 || kept.every((of) => of.size === 0)) return undefined
      return yield* refused(
        name,
        `other numbers of items, and no records of ${bare.side}`,
        "records, or the same items",
      )
    }
    const [first = new Map<string, ItemRecord>()] = kept
    const everywhere = [...first.keys()].filter((id) => kept.every((of) => of.has(id)))
    for (const id of everywhere) {
      const asked = new Set(kept.flatMap((of) => askedOf(of.get(id)) ?? []))
      if (asked.size > 1)
        return yield* refused(name, `item ${escape(id, 80)} asked in other words`, "evaluations on the same questions")
    }
    const common = new Set(
      everywhere.filter((id) =>
        kept.every((of) => {
          const record = of.get(id)
          return record !== undefined && !("tooLong" in record)
        }),
      ),
    )
    const isSame = kept.every((of) => [...of.values()].every((record) => "tooLong" in record || common.has(record.id)))
    if (isSame && kept.every((of) => of.size === everywhere.length)) return undefined
    if (common.size === 0) return yield* refused(name, "no item that all sides have answered", "the same items")
    const shared = new Set(everywhere)
    const isKept = (record: ItemRecord): boolean =>
      "tooLong" in record ? shared.has(record.id) : common.has(record.id)
    const tasks = parts.map(({ task }): EvaluatedTask => {
      const records = task.records.filter(isKept)
      return { ...task, records, measures: measuresOf(task, records) }
    })
    const had = parts.map(({ side, task }) => ({ name: side, items: outcomes(task.records).length }))
    const cut: Cut = { task: name, items: common.size, sides: had }
    return { cut, tasks }
  })

const askedOf = (record: ItemRecord | undefined): string | undefined =>
  record === undefined || "tooLong" in record ? undefined : record.asked

/** A task's figures over some of its items. */
const measuresOf = (task: EvaluatedTask, records: ReadonlyArray<ItemRecord>): ReadonlyArray<Artefact.Measure> => {
  const benchmark = Result.getOrUndefined(byName(task.name))
  if (benchmark !== undefined) return evaluated(benchmark, records).measures
  const some = outcomes(records)
  const directions = new Map(task.measures.map(({ higherIsBetter, metric }) => [metric, higherIsBetter]))
  return metricsOf(task.name, some).flatMap((metric) => {
    const { n, stderr, value } = estimate(metric, some)
    const higherIsBetter = directions.get(metric.name)
    if (higherIsBetter === undefined || !Number.isFinite(value)) return []
    return [{ task: task.name, metric: metric.name, value, stderr, n, higherIsBetter }]
  })
}
