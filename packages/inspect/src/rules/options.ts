/** Options: those that do not exist, and those that do nothing beside the others. */
import type { ts as Ts } from "ts-morph"
import * as Effect from "effect/Effect"
import { edits, Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Reward, Sample, SelfJudge } from "hmx"
import { how } from "../codes.ts"
import type { Edit, Finding } from "../Finding.ts"
import { bare } from "../Origin.ts"
import { type Written, writtenOptions } from "../Pipe.ts"
import { callsIn, origin, placeOf, type Source, walk } from "../Source.ts"

const some = Reward.make("some", { version: 1, score: () => 0 })
const task = {
  kind: "benchmark",
  name: "some",
  version: 1,
  options: {},
  run: Effect.succeed({ measures: [], answers: [] }),
} as const

/** What the stages say of themselves, so that an option that `hmx` gains is known here. */
const ofStage = (stage: { readonly options: object }): ReadonlyArray<string> => Object.keys(stage.options)
const known: {
  readonly [callee: string]: { readonly title: string; readonly at: number; readonly names: ReadonlyArray<string> }
} = {
  "Sample.stage": { title: "Sample", at: 0, names: ofStage(Sample.stage({ groupSize: 2, maxNewTokens: 1 })) },
  "SelfJudge.stage": { title: "SelfJudge", at: 0, names: ofStage(SelfJudge.stage({ rubric: some, judge: "frozen" })) },
  "GroupAdvantage.stage": { title: "GroupAdvantage", at: 0, names: ofStage(GroupAdvantage.stage({ scale: "group" })) },
  "LoRAUpdate.stage": {
    title: "LoRAUpdate",
    at: 0,
    names: ofStage(LoRAUpdate.stage({ rank: 1, learningRate: 1, loss: "grpo" })),
  },
  "Evaluate.stage": { title: "Evaluate", at: 0, names: ofStage(Evaluate.stage({ tasks: [task] })) },
  "Experiment.make": { title: "an experiment", at: 1, names: ["model", "prompts", "memory", "steps", "seed"] },
  "Prompts.jsonl": { title: "Prompts.jsonl", at: 1, names: ["perStep"] },
  "Prompts.inline": { title: "Prompts.inline", at: 1, names: ["perStep", "heldOut"] },
  "Reward.make": { title: "a reward", at: 1, names: ["version", "range", "options", "laws", "score"] },
  "Rubric.make": { title: "a rubric", at: 1, names: ["version", "criteria", "readOut", "scale", "template"] },
  "Stage.make": {
    title: "a stage",
    at: 1,
    names: ["version", "grain", "needs", "gives", "options", "run", "reserve"],
  },
}

/** Options that nothing reads. The compiler sees them in a literal of a TypeScript file, and nowhere else. */
export const unknownOptions = (source: Source): ReadonlyArray<Finding> => {
  const { ts } = source
  return callsIn(source).flatMap((call) => {
    const from = origin(source, call.expression)
    const of = from?.from === "module" && from.module === "hmx" ? known[from.path.join(".")] : undefined
    const object = of === undefined ? undefined : call.arguments[of.at]
    // An object with a name may serve several stages.
    if (
      of === undefined ||
      object === undefined ||
      (!ts.isObjectLiteralExpression(bare(ts, object)) && uses(source, object) > 1)
    )
      return []
    const given = writtenOptions(source, object)
    return given.flatMap(([name, node]): ReadonlyArray<Finding> => {
      if (of.names.includes(name)) return []
      // One that is given already counts as a neighbour: the name may have been meant for it, a second time.
      const meant = nearest(name, of.names)
      const near = given.some(([g]) => g === meant) ? undefined : meant
      const key = node.name
      const fix: Edit | undefined =
        near === undefined || key === undefined || ts.isShorthandPropertyAssignment(node)
          ? undefined
          : { file: node.getSourceFile().fileName, from: key.getStart(), to: key.getEnd(), text: near }
      return [
        {
          ...placeOf(node),
          code: "HMX201",
          why: `${of.title} has no option ${name}, so nothing reads it`,
          how: near === undefined ? `${how.HMX201}: ${of.names.join(", ")}` : `write ${near}`,
          ...(fix === undefined ? {} : { fix }),
        },
      ]
    })
  })
}

/** How often the files speak of a name. */
const uses = (source: Source, node: Ts.Expression): number => {
  const { ts } = source
  const name = bare(ts, node)
  if (!ts.isIdentifier(name)) return 1
  let count = 0
  for (const file of source.files.values()) {
    walk(source, file, (n) => {
      if (ts.isIdentifier(n) && n.text === name.text) count++
    })
  }
  // Its declaration is one of them.
  return count - 1
}

/** The one name within two edits, if there is one alone and it is near enough to be meant. */
export const nearest = (word: string, names: ReadonlyArray<string>): string | undefined => {
  const near = names.filter((name) => edits(word, name) <= (word.length < 5 ? 1 : 2))
  return near.length === 1 ? near[0] : undefined
}

interface Idle {
  readonly stage: string
  readonly option: string
  /** Why it does nothing beside these options; undefined where it does something. */
  readonly because: (options: Given, experiment: Experiment.Any) => string | undefined
}
type Given = { readonly [name: string]: unknown }

/** Losses that do not read an option. */
const losses =
  (...names: ReadonlyArray<string>) =>
  ({ loss }: Given): string | undefined =>
    typeof loss === "string" && names.includes(loss) ? `the loss ${loss} does not clip by it` : undefined
/** The one loss that reads an option. */
const loss =
  (only: string) =>
  ({ loss }: Given): string | undefined =>
    loss === only ? undefined : `the loss ${String(loss)} does not read it, ${only} does`

const idle: ReadonlyArray<Idle> = [
  {
    stage: "GroupAdvantage",
    option: "stdEpsilon",
    because: ({ scale }) => (scale === "none" ? 'scale "none" divides by no standard deviation' : undefined),
  },
  {
    stage: "LoRAUpdate",
    option: "biasCorrectionKl",
    because: ({ beta }) => (beta === 0 ? "beta is 0, so there is no KL term" : undefined),
  },
  { stage: "LoRAUpdate", option: "epsilonHigh", because: losses("sapo", "vespo") },
  {
    stage: "LoRAUpdate",
    option: "epsilon",
    because: (o) => losses("sapo", "vespo")(o) ?? (o["epsilonHigh"] === undefined ? undefined : losses("cispo")(o)),
  },
  { stage: "LoRAUpdate", option: "delta", because: losses("cispo", "sapo", "vespo") },
  { stage: "LoRAUpdate", option: "sapoTemperaturePos", because: loss("sapo") },
  { stage: "LoRAUpdate", option: "sapoTemperatureNeg", because: loss("sapo") },
  { stage: "LoRAUpdate", option: "vespoKPos", because: loss("vespo") },
  { stage: "LoRAUpdate", option: "vespoLambdaPos", because: loss("vespo") },
  { stage: "LoRAUpdate", option: "vespoKNeg", because: loss("vespo") },
  { stage: "LoRAUpdate", option: "vespoLambdaNeg", because: loss("vespo") },
  {
    stage: "LoRAUpdate",
    option: "microBatchGroups",
    because: ({ microBatchGroups: n }, { settings }) =>
      typeof n === "number" && n > settings.prompts.perStep
        ? `a step has ${settings.prompts.perStep} groups, and it asks for ${n} at once`
        : undefined,
  },
]

/** Options that are written out, and that the others switch off. Taking one away changes nothing, so it is a certain fix. */
export const idleOptions = (
  source: Source,
  experiment: Experiment.Any,
  written: ReadonlyArray<Written>,
): ReadonlyArray<Finding> =>
  experiment.stages.flatMap((stage, index) => {
    const call = written[index]?.call
    if (call === undefined) return []
    return writtenOptions(source, call.arguments[0]).flatMap(([name, node]): ReadonlyArray<Finding> => {
      const rule = idle.find((i) => i.stage === stage.name && i.option === name)
      const reason = rule?.because({ ...stage.options }, experiment)
      if (reason === undefined) return []
      return [
        {
          ...placeOf(node),
          code: "HMX202",
          why: `${name} of ${stage.name} does nothing here: ${reason}`,
          how: how.HMX202,
          fix: without(node),
        },
      ]
    })
  })

/** A property taken away, with the comma and the blank after it, or before it where it is the last. */
const without = (node: Ts.ObjectLiteralElementLike): Edit => {
  const file = node.getSourceFile()
  const after = /^\s*,[ \t]*(?:\r?\n[ \t]*)?/.exec(file.text.slice(node.getEnd()))?.[0]
  const before = /,?\s*$/.exec(file.text.slice(0, node.getStart()))?.[0] ?? ""
  return after === undefined
    ? { file: file.fileName, from: node.getStart() - before.length, to: node.getEnd(), text: "" }
    : { file: file.fileName, from: node.getStart(), to: node.getEnd() + after.length, text: "" }
}
