/** Stages, rewards and rubrics that a file makes and never uses. */
import type { ts as Ts } from "ts-morph"
import { how } from "../codes.ts"
import type { Finding } from "../Finding.ts"
import { origin, placeOf, type Source, walk } from "../Source.ts"

const making = new Set([
  ...["Sample", "SelfJudge", "GroupAdvantage", "LoRAUpdate", "Evaluate"].map((name) => `${name}.stage`),
  "Reward.make",
  "Reward.mix",
  "Rubric.make",
  "Stage.make",
  "Prompts.jsonl",
  "Prompts.inline",
])

/** Constants of a file's top level that are not exported and that nothing names again. */
export const unused = (source: Source): ReadonlyArray<Finding> =>
  [...source.files.values()].flatMap((file) => {
    const { ts } = source
    const counts = new Map<string, number>()
    const made: Array<{ readonly name: Ts.Identifier; readonly what: string }> = []
    walk(source, file, (node) => {
      if (ts.isIdentifier(node)) counts.set(node.text, (counts.get(node.text) ?? 0) + 1)
    })
    for (const statement of file.statements) {
      if (!ts.isVariableStatement(statement) || statement.modifiers !== undefined) continue
      for (const { initializer, name } of statement.declarationList.declarations) {
        if (initializer === undefined || !ts.isIdentifier(name) || name.text.startsWith("_")) continue
        const what = maker(source, initializer)
        if (what !== undefined && counts.get(name.text) === 1) made.push({ name, what })
      }
    }
    return made.map(({ name, what }) => ({
      ...placeOf(name),
      code: "HMX207" as const,
      why: `${name.text} is made by ${what} and used nowhere, so the experiment runs without it`,
      how: how.HMX207,
    }))
  })

/** The function of ours that makes a value, under the policies and turns that follow it. */
const maker = (source: Source, expression: Ts.Expression): string | undefined => {
  const { ts } = source
  if (!ts.isCallExpression(expression)) return undefined
  const callee = expression.expression
  const from = origin(source, callee)
  if (from?.from === "module" && from.module === "hmx") {
    const path = from.path.join(".")
    return making.has(path) ? path : undefined
  }
  return ts.isPropertyAccessExpression(callee) ? maker(source, callee.expression) : undefined
}
