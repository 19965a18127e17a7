/** A RangeError of ours, at the option that it is about. */
import type { ts as Ts } from "ts-morph"
import { type Code, how } from "./codes.ts"
import type { Finding, Place } from "./Finding.ts"
import { optionOf } from "./Pipe.ts"
import { placeOf, type Source, walk } from "./Source.ts"

const codeOf = (message: string): Code => {
  if (/ has no option /.test(message)) return "HMX201"
  if (/^groupSize must be .*at least 2/.test(message)) return "HMX204"
  if (/^(?:learningRate|steps) must be .*, not -?0$|^targets must name at least one/.test(message)) return "HMX205"
  return "HMX203"
}

/** What a constructor refused, as a finding. */
export const refusal = (source: Source, at: Place, message: string): Finding => {
  const code = codeOf(message)
  const call = callAt(source, at)
  const option = / has no option (\S+?)[:;]/.exec(message)?.[1] ?? /^(\w+) must /.exec(message)?.[1]
  const place = call === undefined ? at : placeOf(option === undefined ? call : optionOf(source, call, option))
  const why = code === "HMX205" ? `the policy would never change: ${message}` : message
  return { ...place, code, why, how: how[code] }
}

/** The innermost call around a place of a stack. */
const callAt = (source: Source, at: Place): Ts.CallExpression | undefined => {
  const { ts } = source
  const file = source.files.get(at.file)
  if (file === undefined || at.line > file.getLineStarts().length) return undefined
  const offset = file.getPositionOfLineAndCharacter(at.line - 1, 0) + at.column - 1
  let found: Ts.CallExpression | undefined
  walk(source, file, (node) => {
    if (ts.isCallExpression(node) && node.getStart() <= offset && offset <= node.expression.getEnd()) found = node
  })
  return found
}
