/** Variables outside a function that change between its calls. */
import type { ts as Ts } from "ts-morph"
import { bare, isConstant } from "../Origin.ts"
import { origin, walk, type Source } from "../Source.ts"

/** Methods that change what they are called on. */
const changing = new Set(
  "push pop shift unshift splice sort reverse fill copyWithin set add delete clear append next".split(" "),
)

/** What an expression changes: `x` of `x = 1`, `x.y++`, `delete x[0]`, `x.push(1)`. */
const changedBy = (ts: typeof Ts, node: Ts.Node): Ts.Expression | undefined => {
  if (ts.isBinaryExpression(node)) {
    const { kind } = node.operatorToken
    return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment ? node.left : undefined
  }
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
    const { operator } = node
    return operator === ts.SyntaxKind.PlusPlusToken || operator === ts.SyntaxKind.MinusMinusToken
      ? node.operand
      : undefined
  }
  if (ts.isDeleteExpression(node)) return node.expression
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    const { expression, name } = node.expression
    return changing.has(name.text) ? expression : undefined
  }
  return undefined
}

/** The name at the left of `x.y[0].z`. */
const leftmost = (ts: typeof Ts, node: Ts.Expression): Ts.Identifier | undefined => {
  let inner = bare(ts, node)
  while (ts.isPropertyAccessExpression(inner) || ts.isElementAccessExpression(inner)) inner = bare(ts, inner.expression)
  return ts.isIdentifier(inner) ? inner : undefined
}

/** Whether code runs more than once: it stands in a function. Tables that a module fills while it loads are constants. */
const isRepeated = (ts: typeof Ts, node: Ts.Node): boolean =>
  ts.findAncestor(node, (n) => ts.isFunctionLike(n)) !== undefined

/** The declarations that some function of the files changes. */
export const changedDeclarations = (source: Source): ReadonlySet<Ts.Declaration> => {
  const { ts } = source
  const changed = new Set<Ts.Declaration>()
  for (const file of source.files.values()) {
    walk(source, file, (node) => {
      const target = changedBy(ts, node)
      const name = target === undefined ? undefined : leftmost(ts, target)
      if (name === undefined || !isRepeated(ts, node)) return
      const declaration = source.checker.getSymbolAtLocation(name)?.declarations?.[0]
      const found = origin(source, name)
      if (declaration !== undefined) changed.add(declaration)
      if (found?.from === "own") changed.add(found.declaration)
    })
  }
  return changed
}

/** A regular expression that remembers where it stopped (flags g and y), where `test` or `exec` is called on it. */
export const stickyPattern = (
  ts: typeof Ts,
  declaration: Ts.Declaration,
  use: Ts.Identifier,
): Ts.RegularExpressionLiteral | undefined => {
  if (!ts.isVariableDeclaration(declaration) || declaration.initializer === undefined) return undefined
  const pattern = bare(ts, declaration.initializer)
  if (
    !isConstant(ts, declaration) ||
    !ts.isRegularExpressionLiteral(pattern) ||
    !/\/[a-z]*[gy][a-z]*$/.test(pattern.text)
  )
    return undefined
  const method = ts.isPropertyAccessExpression(use.parent) && use.parent.expression === use ? use.parent.name.text : ""
  return ["test", "exec"].includes(method) && ts.isCallExpression(use.parent.parent) ? pattern : undefined
}
