/** Answers to multiple-choice items. */
import * as Result from "effect/Result"
import type { Answer } from "./Benchmark.ts"
import { argmax } from "../statistics.ts"
import { scoresOf } from "./forms.ts"

/** Without characters that are not seen: marks of direction, of joining, and control characters other than white space. */
const visible = (text: string): string => text.replaceAll(/\p{Cf}|(?!\s)\p{Cc}/gu, "")

/** Small letters, no articles, no punctuation, one space between words: what two spellings of an answer have in common. */
export const normalise = (text: string): string =>
  visible(text)
    .toLowerCase()
    .replaceAll(/[\p{P}\p{S}]+/gu, " ")
    .replaceAll(/\b(?:a|an|the)\b/g, " ")
    .trim()
    .replaceAll(/\s+/g, " ")

/** "A", "(A)", "A.", "A)" or "Answer: A" at the text's begin, as an index. */
const letterOf = (text: string, count: number): number | undefined => {
  const found = /^(?:[Tt]he )?(?:[Aa]nswer(?: is)?\s*:?\s*)?(?:\(([A-Za-z])\)|([A-Z])(?![\p{L}\p{N}'’]))/u.exec(text)
  // "A boy" and "I think" begin with a letter that is a word: a bare A or I counts only before punctuation or the end.
  const bare = found?.[2]
  if (bare !== undefined && /^[ \t]+\p{L}/u.test(text.slice(found?.[0].length))) return undefined
  const letter = (found?.[1] ?? bare)?.toUpperCase()
  const index = letter === undefined ? -1 : letter.charCodeAt(0) - 65
  return index >= 0 && index < count ? index : undefined
}

/** The choice that a text equals, but for case, articles and punctuation. */
const equal = (text: string, choices: ReadonlyArray<string>): number | undefined => {
  const said = normalise(text)
  const same = choices.flatMap((choice, i) => (normalise(choice) === said ? [i] : []))
  return same.length === 1 ? same[0] : undefined
}

/** The only choice whose words stand in the text; of choices within one another ("boy", "tall boy") the longest. */
const contained = (text: string, choices: ReadonlyArray<string>): number | undefined => {
  const said = ` ${normalise(text)} `
  const within = choices.flatMap((choice, i) => {
    const words = normalise(choice)
    return words !== "" && said.includes(` ${words} `) ? [{ i, words }] : []
  })
  const longest = within.filter(
    ({ words }) => !within.some((other) => other.words !== words && other.words.includes(words)),
  )
  return longest.length === 1 ? longest[0]?.i : undefined
}

/** The only choice that begins with the text: one of at least three words that a model's limit or vocabulary has cut off. */
const begun = (text: string, choices: ReadonlyArray<string>): number | undefined => {
  const said = normalise(text)
  if (said.split(" ").length < 3) return undefined
  const begin = choices.flatMap((choice, i) => (normalise(choice).startsWith(said) ? [i] : []))
  return begin.length === 1 ? begin[0] : undefined
}

/**
 * Which choice a text names by its words: the one it equals, the only one that it has, or that it is the begin of. undefined: none,
 * or several.
 */
export const namedByWords = (text: string, choices: ReadonlyArray<string>): number | undefined =>
  equal(text, choices) ?? contained(text, choices) ?? begun(text, choices)

/**
 * Which choice a text names: the one it equals, the one whose letter it begins with, the only one that it has, or that it is the
 * begin of.
 */
export const named = (text: string, choices: ReadonlyArray<string>): number | undefined =>
  equal(text, choices) ??
  letterOf(visible(text).trim(), choices.length) ??
  contained(text, choices) ??
  begun(text, choices)

/** The chosen index, by scores or by text; undefined where a text names no choice. A wrong number of scores is a failure. */
export const chosen = (answer: Answer, choices: ReadonlyArray<string>): Result.Result<number | undefined, string> => {
  if (answer.kind === "text") return Result.succeed(named(answer.text, choices))
  return Result.map(scoresOf(answer, choices.length), argmax)
}
