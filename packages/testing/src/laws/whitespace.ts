import * as fc from "fast-check"
import { notRaised, places, put } from "../_internals/grown.ts"

const BLANKS = [" ", "\n", "\t", "\r\n", "\u00a0", "\u200b", "\u3000"]

/** Blanks before, after or between its words earn an answer nothing. */
export const whitespace = notRaised(
  "whitespace",
  () =>
    fc.record({
      blank: fc.constantFrom(...BLANKS),
      times: fc.integer({ min: 1, max: 60 }),
      place: fc.constantFrom(...places, "between words" as const),
    }),
  ({ text }, { blank, place, times }) =>
    place === "between words"
      ? text.replaceAll(/\s+/g, (found) => found + blank.repeat(times))
      : put(text, blank.repeat(times), place),
)
