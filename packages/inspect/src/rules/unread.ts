/** Options of a reward or stage of one's own that its functions do not read: part of its identity, and without effect. */
import type { ts as Ts } from "ts-morph"
import type { Finding } from "../Finding.ts"
import { writtenOptions } from "../Pipe.ts"
import { meant, placeOf, property, type Source, walk } from "../Source.ts"
import { functionOf, pureFunctions } from "./purity.ts"

export const unreadOptions = (source: Source): ReadonlyArray<Finding> => {
  const { ts } = source
  return pureFunctions(source).flatMap(({ body, call, kind, name }): ReadonlyArray<Finding> => {
    const spec = call.arguments[1] === undefined ? undefined : meant(source, call.arguments[1])
    const given = property(source, spec, "options")
    const options =
      given !== undefined && ts.isPropertyAssignment(given) ? writtenOptions(source, given.initializer) : []
    if (options.length === 0) return []
    const reserve = property(source, spec, "reserve")
    const other = reserve === undefined ? undefined : functionOf(source, reserve)
    // A function that is not to be seen may read anything.
    if (reserve !== undefined && other === undefined) return []
    const reads = [readBy(source, body), ...(other === undefined ? [] : [readBy(source, other)])]
    return options.flatMap(([option, node]): ReadonlyArray<Finding> => {
      if (reads.some((names) => names === "all" || names.has(option))) return []
      const why = `the ${kind} ${name} never reads its option ${option}`
      return [
        {
          ...placeOf(node),
          code: "HMX202",
          why,
          how: "read it in the function, or leave it out and give the next version",
        },
      ]
    })
  })
}

/** The names that a function reads of its second parameter. */
const readBy = (source: Source, body: Ts.FunctionLikeDeclaration): ReadonlySet<string> | "all" => {
  const { ts } = source
  const names = new Set<string>()
  const [first, second] = body.parameters
  if (first?.dotDotDotToken !== undefined || body.body === undefined) return "all"
  if (second === undefined) return names
  if (ts.isObjectBindingPattern(second.name)) {
    for (const element of second.name.elements) {
      const key = element.propertyName ?? element.name
      if (element.dotDotDotToken !== undefined || !ts.isIdentifier(key)) return "all"
      names.add(key.text)
    }
    return names
  }
  const parameter = second.name
  if (!ts.isIdentifier(parameter)) return "all"
  let whole = false
  walk(source, body.body, (node) => {
    if (!ts.isIdentifier(node) || node.text !== parameter.text) return
    const { parent } = node
    if (ts.isPropertyAccessExpression(parent) && parent.expression === node) names.add(parent.name.text)
    else if (!ts.isPropertyAccessExpression(parent)) whole = true
  })
  return whole ? "all" : names
}
