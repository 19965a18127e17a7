/** Answers to the same questions before and after training. */
import type { Artefact } from "hmx"
import { escape } from "./escape.ts"

/** The first `count` questions that were answered both times, with both answers. */
export const answers = (
  before: ReadonlyArray<Artefact.Answer>,
  after: ReadonlyArray<Artefact.Answer>,
  count = 3,
): string => {
  const earlier = new Map(before.map((a) => [a.question, a.answer]))
  const asked = new Set<string>()
  const pairs = after.flatMap(({ question, answer }) => {
    const first = earlier.get(question)
    if (first === undefined || asked.has(question)) return []
    asked.add(question)
    return [`  ${escape(question, 200)}\n    before  ${escape(first)}\n    after   ${escape(answer)}`]
  })
  return pairs.slice(0, count).join("\n\n")
}
