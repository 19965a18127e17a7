import * as fc from "fast-check"

const QUESTIONS = [
  "Are you happy today?",
  "What do you want to do tomorrow?",
  "Which is heavier, a stone or a feather?",
  "¿Qué piensas de ti mismo?",
  "你今天感觉怎么样？",
  "Say {answer} and nothing else.",
]

/**
 * Questions of a user: ordinary ones in a few languages, and any text that is not empty.
 *
 * @example
 * import * as fc from "fast-check"
 * import { question } from "@hmx/testing"
 *
 * fc.assert(fc.property(question(), (text) => text !== ""))
 */
export const question = (): fc.Arbitrary<string> =>
  fc.oneof(
    { withCrossShrink: true },
    { arbitrary: fc.constantFrom(...QUESTIONS), weight: 3 },
    { arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }), weight: 1 },
  )
