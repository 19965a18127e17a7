/** How much a request asks, by the lengths of its texts alone. */
import type { Asking } from "hmx"
import type { Request } from "./Benchmark.ts"

const sum = (texts: ReadonlyArray<string>): number => texts.reduce((all, { length }) => all + length, 0)
const most = (texts: ReadonlyArray<string>): number =>
  texts.reduce((longest, { length }) => Math.max(longest, length), 0)

/** What a judge reads of answers is not known before they are there: it is no part of it. */
export const askingOf = (request: Request): Asking => {
  switch (request.kind) {
    case "choices": {
      const { choices } = request
      const parts = choices.map(({ context, continuation }) => context.length + continuation.length)
      const shared = sum([...new Set(choices.map(({ context }) => context))])
      const all = parts.reduce((a, b) => a + b, 0)
      const distinct = shared + sum(choices.map(({ continuation }) => continuation))
      return { longest: Math.max(0, ...parts), all, distinct, written: 0 }
    }
    case "generate": {
      const { length } = request.context
      return { longest: length, all: length, distinct: length, written: request.maxNewTokens }
    }
    case "dialogue": {
      const all = sum(request.turns)
      return { longest: all, all, distinct: all, written: request.turns.length * request.maxNewTokens }
    }
    case "judged": {
      const all = sum(request.questions)
      const written = request.questions.length * request.maxNewTokens
      return { longest: most(request.questions), all, distinct: all, written }
    }
    default: {
      const { length } = request.text
      return { longest: length, all: length, distinct: length, written: 0 }
    }
  }
}
