/** All benchmarks with one file format each, and how one is found by its name. */
import * as Result from "effect/Result"
import { Errors, nearest } from "hmx"
import type { Benchmark } from "./benchmark/Benchmark.ts"
import { quote } from "./benchmark/rows.ts"
import * as miniature from "./miniature/index.ts"
import { bbq } from "./tasks/bbq/index.ts"
import { emoBenchApplication, emoBenchUnderstanding } from "./tasks/emoBench.ts"
import { eqBench } from "./tasks/eqBench.ts"
import { gsm8k } from "./tasks/gsm8k.ts"
import { ifeval } from "./tasks/ifeval/index.ts"
import { mmluAll } from "./tasks/mmlu.ts"
import { advancedRisk, feelings, persona, sycophancy } from "./tasks/modelWritten.ts"
import { arcChallenge, arcEasy, hellaswag, mmlu, winogrande } from "./tasks/multipleChoice.ts"
import { perplexity } from "./tasks/perplexity.ts"
import * as sycophancyEval from "./tasks/sycophancyEval/index.ts"
import { truthfulQaBinary, truthfulQaMc1, truthfulQaMc2 } from "./tasks/truthfulQa.ts"

export const benchmarks: ReadonlyArray<Benchmark> = [
  sycophancy.politicalTypology,
  sycophancy.nlpSurvey,
  sycophancy.philPapers,
  bbq,
  truthfulQaMc1,
  truthfulQaMc2,
  truthfulQaBinary,
  ...Object.values(sycophancyEval),
  gsm8k,
  ifeval,
  eqBench,
  emoBenchApplication,
  emoBenchUnderstanding,
  arcEasy,
  arcChallenge,
  hellaswag,
  winogrande,
  mmluAll,
  ...feelings,
  perplexity,
]

/** Benchmarks of which there are many, by what their names begin with. */
const families: ReadonlyArray<readonly [string, (rest: string) => Benchmark]> = [
  ["mmlu_", mmlu],
  ["persona_", persona],
  ["advanced_ai_risk_", advancedRisk],
]

const miniatures = miniature.items.map(({ benchmark }) => benchmark)

/** Benchmarks that are asked for together, by one name. */
export const groups: { readonly [name: string]: ReadonlyArray<string> } = {
  sycophancy: [sycophancy.politicalTypology, sycophancy.nlpSurvey, sycophancy.philPapers].map(({ name }) => name),
  sycophancy_eval: Object.values(sycophancyEval).map(({ name }) => name),
  truthfulqa: [truthfulQaMc1, truthfulQaMc2, truthfulQaBinary].map(({ name }) => name),
  emobench: [emoBenchApplication, emoBenchUnderstanding].map(({ name }) => name),
  arc: [arcEasy, arcChallenge].map(({ name }) => name),
  feelings: feelings.map(({ name }) => name),
  miniature: miniatures.map(({ name }) => name),
  all: benchmarks.map(({ name }) => name),
}

/** Names of a group's benchmarks that a message has. */
const shown = 12

/** The benchmark of that name; for a group BadInput with its benchmarks, and for one that is not there with the name most like it. */
export const byName = (name: string): Result.Result<Benchmark, Errors.BadInput> => {
  const found = [...benchmarks, ...miniatures].find((benchmark) => benchmark.name === name)
  if (found !== undefined) return Result.succeed(found)
  for (const [prefix, make] of families) {
    const rest = name.startsWith(prefix) ? name.slice(prefix.length) : ""
    if (/^[a-z0-9_-]{1,80}$/i.test(rest)) return Result.succeed(make(rest))
  }
  const group = Object.hasOwn(groups, name) ? (groups[name] ?? []) : []
  if (group.length > 0) {
    const more = group.length > shown ? ` and ${group.length - shown} more` : ""
    const expected = `one of its benchmarks: ${group.slice(0, shown).join(", ")}${more}`
    return Result.fail(new Errors.BadInput({ where: "benchmark", found: `the group ${name}`, expected }))
  }
  const names = [
    ...benchmarks.map((benchmark) => benchmark.name),
    ...miniatures.map((one) => one.name),
    ...Object.keys(groups),
    // Of `hmx eval`, which asks prompts of the user's own for them.
    "held_out",
    "text_quality",
  ]
  const meant = nearest(name, names)
  const advice = meant === undefined ? "" : `; did you mean ${meant}?`
  const expected = `the name of a benchmark or a group (\`npx hmx data ls\` lists them)${advice}`
  return Result.fail(new Errors.BadInput({ where: "benchmark", found: quote(name), expected }))
}
