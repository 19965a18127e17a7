/** Where a name in a user's file comes from: a global, a module, or a declaration in the user's own code. */
import type { ts as Ts } from "ts-morph"

export type Origin =
  | { readonly from: "global"; readonly path: ReadonlyArray<string> }
  | { readonly from: "module"; readonly module: string; readonly path: ReadonlyArray<string> }
  | { readonly from: "own"; readonly declaration: Ts.Declaration; readonly path: ReadonlyArray<string> }

/** Parentheses and type annotations taken away. */
export const bare = (ts: typeof Ts, node: Ts.Expression): Ts.Expression => {
  let inner = node
  while (
    ts.isParenthesizedExpression(inner) ||
    ts.isAsExpression(inner) ||
    ts.isSatisfiesExpression(inner) ||
    ts.isNonNullExpression(inner) ||
    ts.isTypeAssertionExpression(inner)
  )
    inner = inner.expression
  return inner
}

/** As many aliases (`const now = Date.now`) are followed; a circle ends here as well. */
const DEEPEST = 20

/** What `Date.now`, `Reward.make` or `helper` stands for; undefined for what is no chain of names (`f().x`, `a[i]`). */
export const originOf = (
  ts: typeof Ts,
  checker: Ts.TypeChecker,
  expression: Ts.Expression,
  depth = 0,
): Origin | undefined => {
  const node = bare(ts, expression)
  if (ts.isPropertyAccessExpression(node)) {
    const owner = originOf(ts, checker, node.expression, depth)
    return owner === undefined
      ? undefined
      : follow(ts, checker, { ...owner, path: [...owner.path, node.name.text] }, depth)
  }
  if (ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)) {
    const owner = originOf(ts, checker, node.expression, depth)
    return owner === undefined ? undefined : { ...owner, path: [...owner.path, node.argumentExpression.text] }
  }
  if (!ts.isIdentifier(node)) return undefined
  const symbol =
    ts.isShorthandPropertyAssignment(node.parent) && node.parent.name === node
      ? checker.getShorthandAssignmentValueSymbol(node.parent)
      : checker.getSymbolAtLocation(node)
  return ofSymbol(ts, checker, symbol, node.text, depth)
}

const ofSymbol = (
  ts: typeof Ts,
  checker: Ts.TypeChecker,
  symbol: Ts.Symbol | undefined,
  name: string,
  depth: number,
): Origin | undefined => {
  const declaration = symbol?.declarations?.[0]
  if (symbol === undefined || declaration === undefined) return global(name)
  if ((symbol.flags & ts.SymbolFlags.Alias) !== 0) {
    const own = checker.getAliasedSymbol(symbol).declarations?.[0]
    // A file of the user's is in the program; a package is not, and its import is what is known of it.
    if (own !== undefined && !ts.isSourceFile(own)) {
      return follow(ts, checker, { from: "own", declaration: own, path: [] }, depth)
    }
    return imported(ts, declaration, own)
  }
  return follow(ts, checker, { from: "own", declaration, path: [] }, depth)
}

const global = (name: string): Origin => ({ from: "global", path: name === "globalThis" ? [] : [name] })

const imported = (ts: typeof Ts, declaration: Ts.Declaration, file: Ts.Declaration | undefined): Origin | undefined => {
  const clause = ts.findAncestor(declaration, (n) => ts.isImportDeclaration(n) || ts.isExportDeclaration(n))
  const specifier =
    clause !== undefined && (ts.isImportDeclaration(clause) || ts.isExportDeclaration(clause))
      ? clause.moduleSpecifier
      : undefined
  if (specifier === undefined || !ts.isStringLiteral(specifier)) return undefined
  const isFile = file !== undefined && ts.isSourceFile(file)
  if (isFile) return { from: "own", declaration: file, path: [] }
  const path =
    ts.isImportSpecifier(declaration) || ts.isExportSpecifier(declaration)
      ? [(declaration.propertyName ?? declaration.name).text]
      : ts.isImportClause(declaration)
        ? ["default"]
        : []
  return { from: "module", module: specifier.text, path }
}

/** `const random = Math.random`, `const { random } = Math` and `import * as own from "./own.ts"; own.f` lead on. */
const follow = (ts: typeof Ts, checker: Ts.TypeChecker, origin: Origin, depth: number): Origin | undefined => {
  if (origin.from !== "own" || depth > DEEPEST) return origin
  const { declaration, path } = origin
  const [first, ...rest] = path
  if (ts.isSourceFile(declaration) && first !== undefined) {
    const file = checker.getSymbolAtLocation(declaration)
    const member = file?.exports?.get(ts.escapeLeadingUnderscores(first))
    const found = member === undefined ? undefined : ofSymbol(ts, checker, member, first, depth + 1)
    return found === undefined ? origin : { ...found, path: [...found.path, ...rest] }
  }
  const initial = ts.isVariableDeclaration(declaration)
    ? isConstant(ts, declaration)
      ? declaration.initializer
      : undefined
    : ts.isBindingElement(declaration) && ts.isVariableDeclaration(declaration.parent.parent)
      ? declaration.parent.parent.initializer
      : undefined
  if (initial === undefined) return origin
  const inner = bare(ts, initial)
  if (!ts.isIdentifier(inner) && !ts.isPropertyAccessExpression(inner)) return origin
  const target = originOf(ts, checker, inner, depth + 1)
  if (target === undefined) return origin
  const key = ts.isBindingElement(declaration) ? (declaration.propertyName ?? declaration.name) : undefined
  const added = key !== undefined && ts.isIdentifier(key) ? [key.text] : []
  return { ...target, path: [...target.path, ...added, ...path] }
}

export const isConstant = (ts: typeof Ts, declaration: Ts.VariableDeclaration): boolean =>
  (ts.getCombinedNodeFlags(declaration) & ts.NodeFlags.Const) !== 0
