/** Where the stages of an experiment stand in the user's code. */
import type { ts as Ts } from "ts-morph"
import { meant, nameOf, origin, property, type Source } from "./Source.ts"

/** One stage of a pipeline, as it is written. */
export interface Written {
  /** What `pipe` was given. */
  readonly argument: Ts.Expression
  /** `X.stage({ … })` or `Stage.make(…)`, where it can be seen. */
  readonly call: Ts.CallExpression | undefined
}

/** The stages that a file's default export is piped through, in order; undefined where that cannot be read from the text. */
export const stagesOf = (source: Source, file: string): ReadonlyArray<Written> | undefined => {
  const start = exported(source, file)
  return start === undefined ? undefined : piped(source, start)
}

/** `Experiment.make(name, settings)` under the default export. */
export const experimentOf = (source: Source, file: string): Ts.CallExpression | undefined => {
  const { ts } = source
  let at = exported(source, file)
  for (let depth = 0; depth < 100 && at !== undefined; depth++) {
    const node: Ts.Expression = meant(source, at)
    if (!ts.isCallExpression(node)) return undefined
    const path = origin(source, node.expression)
    if (path?.from === "module" && path.path.join(".") === "Experiment.make") return node
    at =
      ts.isPropertyAccessExpression(node.expression) && node.expression.name.text === "pipe"
        ? node.expression.expression
        : node.arguments[0]
  }
  return undefined
}

const exported = (source: Source, file: string): Ts.Expression | undefined => {
  const { ts } = source
  const text = source.files.get(file)
  if (text === undefined) return undefined
  for (const statement of text.statements) {
    if (ts.isExportAssignment(statement)) return statement.expression
    if (
      ts.isExportDeclaration(statement) &&
      statement.exportClause !== undefined &&
      ts.isNamedExports(statement.exportClause)
    ) {
      const found = statement.exportClause.elements.find((e) => e.name.text === "default")
      const name = found?.propertyName ?? found?.name
      if (name !== undefined && ts.isIdentifier(name)) return name
    }
  }
  return undefined
}

const piped = (source: Source, expression: Ts.Expression, depth = 0): ReadonlyArray<Written> | undefined => {
  const { ts } = source
  const node = meant(source, expression)
  if (depth > 100 || !ts.isCallExpression(node)) return undefined
  const from = origin(source, node.expression)
  if (from?.from === "module") {
    if (from.path.join(".") === "Experiment.make") return []
    // contrast(x, …), sweep(x, …), Experiment.handled(x): the pipeline is the first argument's.
    const [first] = node.arguments
    return first === undefined ? undefined : piped(source, first, depth + 1)
  }
  if (!ts.isPropertyAccessExpression(node.expression) || node.expression.name.text !== "pipe") return undefined
  const before = piped(source, node.expression.expression, depth + 1)
  if (before === undefined) return undefined
  const here = node.arguments.flatMap((argument) => spread(source, argument))
  return here.includes(undefined) ? undefined : [...before, ...here.flatMap((w) => w ?? [])]
}

const spread = (source: Source, argument: Ts.Expression): ReadonlyArray<Written | undefined> => {
  const { ts } = source
  if (!ts.isSpreadElement(argument)) return [{ argument, call: made(source, argument) }]
  const list = meant(source, argument.expression)
  return ts.isArrayLiteralExpression(list) ? list.elements.flatMap((e) => spread(source, e)) : [undefined]
}

/** The call that makes a stage, under its policies. */
const made = (source: Source, expression: Ts.Expression): Ts.CallExpression | undefined => {
  const { ts } = source
  const node = meant(source, expression)
  if (!ts.isCallExpression(node)) return undefined
  const { expression: callee } = node
  return ts.isPropertyAccessExpression(callee) && callee.name.text === "pipe" ? made(source, callee.expression) : node
}

/** The place of an option in the call that makes a stage; the call itself where it is not written out there. */
export const optionOf = (source: Source, call: Ts.CallExpression, name: string): Ts.Node => {
  for (const argument of call.arguments) {
    const found = property(source, meant(source, argument), name)
    if (found !== undefined) return found.name ?? found
  }
  return call
}

/** The options written out in a call's object. */
export const writtenOptions = (
  source: Source,
  object: Ts.Expression | undefined,
): ReadonlyArray<readonly [name: string, node: Ts.ObjectLiteralElementLike]> => {
  const literal = object === undefined ? undefined : meant(source, object)
  if (literal === undefined || !source.ts.isObjectLiteralExpression(literal)) return []
  return literal.properties.flatMap((p) => {
    const name = nameOf(source, p)
    return name === undefined ? [] : [[name, p] as const]
  })
}
