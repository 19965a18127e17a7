/** The rules of `Wiring.ts` on values: for experiments whose types were computed away, and for the runtime. */
import type { GivenBy } from "./Artefact.ts"
import type { Settings } from "./Settings.ts"
import type * as Stage from "./Stage.ts"
import { Evaluate } from "./stages/Evaluate.ts"

/** What is wrong at a stage, in the words of the compile error. */
export interface Problem {
  /** Its name; "the experiment" where no single stage is at fault. */
  readonly stage: string
  /** Place among the stages, from 0; their number where no single stage is at fault. */
  readonly index: number
  readonly sentence: string
}

const givenBy: { readonly [tag: string]: string } = {
  rollouts: "Sample",
  verdicts: "SelfJudge",
  advantages: "GroupAdvantage",
  policy: "LoRAUpdate",
  report: "Evaluate",
} satisfies Partial<GivenBy>

/** What the rules read of an experiment. */
export interface Pipeline {
  readonly name: string
  readonly settings: Pick<Settings, "steps">
  readonly stages: ReadonlyArray<Stage.Any>
}

interface Row {
  readonly group: ReadonlySet<string>
  readonly step: ReadonlySet<string>
  readonly gone: ReadonlySet<string>
  readonly closer: string | undefined
  readonly last: string | undefined
  readonly owes: ReadonlySet<string>
  /** Which stage has given what, as `given` writes it. */
  readonly given: ReadonlySet<string>
}

/**
 * All problems of a pipeline in the order of its stages; the compiler names the first. What no type can see comes after that: a
 * pipeline that is not finished, and times at which nothing is measured.
 */
export const problems = ({ name, settings, stages }: Pipeline): ReadonlyArray<Problem> => {
  const whole = (sentence: string): Problem => ({ stage: "the experiment", index: stages.length, sentence })
  if (stages.length === 0) return [whole(`✗ ${name} has no stages: pipe it through Sample, …, Evaluate`)]
  const none: ReadonlySet<string> = new Set()
  let row: Row = {
    group: new Set(["prompt"]),
    step: none,
    gone: none,
    closer: undefined,
    last: undefined,
    owes: none,
    given: none,
  }
  const found: Array<Problem> = []
  for (const [index, stage] of stages.entries()) {
    if (!isStage(stage)) {
      found.push({ stage: "?", index, sentence: "✗ this is not a stage: call its .stage({ … })" })
      continue
    }
    const sentence =
      fit(row, stage, stages.slice(index + 1).filter(isStage)) ?? late(stage, stages.filter(isStage), settings.steps)
    if (sentence !== undefined) found.push({ stage: stage.name, index, sentence })
    row = after(row, stage)
  }
  if (!stages.some((stage) => !isStage(stage) || stage.gives.includes("policy"))) {
    found.push(whole(`✗ ${name} has no stage that trains the policy: add LoRAUpdate, and an Evaluate after it`))
  }
  return found
}

/** An Evaluate whose times fall on no update, where no other one measures what this one was to measure. */
const late = (stage: Stage.Any, stages: ReadonlyArray<Stage.Any>, steps: number): string | undefined => {
  if (!isEvaluate(stage) || Evaluate.measures(stage.options, steps)) return undefined
  const debt = stages.some((s) => s.owes !== undefined) && stage.settles === "held-out judge"
  const others = stages.filter((s) => isEvaluate(s) && (!debt || s.settles === stage.settles))
  if (
    Evaluate.due(stage.options, 0, steps) &&
    others.some((s) => isEvaluate(s) && Evaluate.measures(s.options, steps))
  ) {
    return undefined
  }
  return `✗ ${stage.name} measures after none of the ${steps} updates: add "after" to its when`
}

/** Only `Evaluate.stage` makes a stage that settles something, and it checks its options. */
const isEvaluate = (stage: Stage.Any): stage is Evaluate => stage.settles !== undefined

/** A value from outside the types (a JavaScript file, a cast) may be anything. */
const isStage = (stage: unknown): stage is Stage.Any =>
  typeof stage === "object" && stage !== null && "run" in stage && "needs" in stage && "gives" in stage

const given = (stage: Stage.Any, tag: string): string => `${stage.name} ${tag}`

const after = (row: Row, stage: Stage.Any): Row => {
  const owing = stage.owes === undefined ? row.owes : new Set([...row.owes, stage.name])
  const all = new Set([...row.given, ...stage.gives.map((tag) => given(stage, tag))])
  return stage.grain === "group"
    ? { ...row, group: new Set([...row.group, ...stage.gives]), last: stage.name, owes: owing, given: all }
    : {
        group: new Set(),
        step: new Set([...row.step, ...stage.gives]),
        gone: new Set([...row.gone, ...row.group]),
        closer: row.closer ?? stage.name,
        last: stage.name,
        owes: stage.settles === "held-out judge" ? new Set() : owing,
        given: all,
      }
}

const fit = (row: Row, stage: Stage.Any, rest: ReadonlyArray<Stage.Any>): string | undefined => {
  const name = stage.name
  const missing = stage.needs.filter((tag) => !row.group.has(tag) && !row.step.has(tag))
  if (missing.length > 0) return absent(row, name, missing)
  if (stage.grain === "group" && row.closer !== undefined) {
    return `✗ ${name} works on groups, and ${row.closer} has closed them: put it before ${row.closer}`
  }
  const again = stage.gives.filter((tag) => row.given.has(given(stage, tag)))
  if (again.length > 0 && stage.settles === undefined) {
    return `✗ ${name} gives { ${join(again)} }, which ${name} gives already: leave one out`
  }
  const measured = rest.some((s) => s.settles !== undefined)
  if (stage.owes !== undefined && !measured) {
    return `✗ ${name} judges with the policy that it trains, so an Evaluate with a held-out judge must follow`
  }
  if (stage.settles === "nothing" && row.owes.size > 0 && !rest.some((s) => s.settles === "held-out judge")) {
    return `✗ ${name} has no held-out judge, and ${join(row.owes)} judges with the policy that it trains: add heldOut(a rubric, …) to its tasks`
  }
  if (stage.gives.includes("policy") && !measured) {
    return `✗ ${name} trains the policy, and nothing measures what it changed: put an Evaluate after it`
  }
  return undefined
}

const absent = (row: Row, name: string, missing: ReadonlyArray<string>): string => {
  const wanted = `{ ${join(missing)} }`
  if (row.closer !== undefined && missing.every((tag) => row.gone.has(tag))) {
    return `✗ ${name} cannot follow ${row.last}: ${wanted} ended with ${row.closer}`
  }
  return row.last === undefined
    ? `✗ ${name} cannot come first: nothing before it produces ${wanted}${hint(missing, name)}`
    : `✗ ${name} cannot follow ${row.last}: ${row.last} does not produce ${wanted}${hint(missing, name)}`
}

const hint = (missing: ReadonlyArray<string>, self: string): string => {
  const givers = new Set(missing.flatMap((tag) => givenBy[tag] ?? []).filter((giver) => giver !== self))
  return givers.size === 0 ? "" : ` (${join(givers)} ${givers.size === 1 ? "does" : "do"})`
}

/** In the order in which TypeScript 7 prints a union of literals. */
const join = (names: Iterable<string>): string => [...new Set(names)].toSorted((a, b) => (a < b ? -1 : 1)).join(", ")
