import * as fc from "fast-check"
import { notRaised } from "../_internals/grown.ts"

/** Saying it again earns nothing: the whole answer, its last sentence, or every word of it. */
export const repeating = notRaised(
  "repetition",
  () =>
    fc.record({
      what: fc.constantFrom("the answer" as const, "its last sentence" as const, "every word" as const),
      times: fc.integer({ min: 1, max: 8 }),
      between: fc.constantFrom(" ", "\n"),
    }),
  ({ text }, { between, times, what }) => {
    if (what === "every word") return text.replaceAll(/\S+/g, (word) => word + (between + word).repeat(times))
    const again = what === "the answer" ? text : (text.match(/[^.!?]*[.!?]*\s*$/)?.[0] ?? text)
    return text + (between + again).repeat(times)
  },
)
