/** The guards on generated text as a task of Evaluate, so that a broken model cannot look human. */
import * as Effect from "effect/Effect"
import type { Task } from "hmx"
import { heldOutAnswers, type SampleOptions, withDefaults } from "./answers.ts"
import { textGuards } from "./guards/textGuards.ts"
import { readAnswers } from "./keepAnswers.ts"
import { knowsLanguage } from "./langdetect/index.ts"

export interface TextQualityOptions extends SampleOptions {
  /** ISO 639-1 code of the language that answers should be in, one of langdetect's 55. Default: "en". */
  readonly language?: string
}

/**
 * Length, repetition, refusals, strange characters, empty answers, language and, as `cut_off`, the share without an end, of answers to
 * the held-out questions. Standard errors are over questions. Nothing of it is better for being more: they are guards.
 * Throws a RangeError for a language that cannot be told.
 */
export const textQuality = (options: TextQualityOptions = {}): Task.Task<"benchmark"> => {
  const { language = "en", ...rest } = options
  if (!knowsLanguage(language)) throw new RangeError(`language must be one that langdetect knows, not ${language}`)
  const sampling = withDefaults(rest)
  const name = "text_quality"
  const run = Effect.flatMap(heldOutAnswers(sampling), (groups) =>
    readAnswers(name, groups, ({ finish, text }) => ({
      ...textGuards(text, language),
      cut_off: finish === "length" ? 1 : 0,
    })),
  )
  return { kind: "benchmark", name, version: 2, options: { language, ...sampling }, run }
}
