/** IFEval's 25 kinds of instructions (Zhou et al. 2023), each a test of a response. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { misfit } from "../../benchmark/misfit.ts"
import { quote } from "../../benchmark/rows.ts"
import { detectLanguage } from "../../langdetect/index.ts"
import { countSentences } from "./sentences.ts"
import { inWord, isBlank, isLower, isUpper, space, split, trim, trimStart } from "../../python.ts"
import { countWords, treebankWords } from "./words.ts"

/** Whether a response follows the instruction. */
export type Verify = (response: string) => boolean

/** An instruction with its arguments, checked; a failure says what was expected of them. */
type Make = (args: unknown) => Result.Result<Verify, string>

const withArgs = <S extends Schema.ConstraintDecoder<unknown>>(schema: S, make: (args: S["Type"]) => Verify): Make => {
  const decode = Schema.decodeUnknownResult(schema)
  return (args) =>
    Result.mapBoth(decode(args), {
      onFailure: ({ issue }) => {
        const { expected, field } = misfit(schema, args, issue)
        return `${field === "" ? "" : `in ${quote(field)} `}${quote(expected)}`
      },
      onSuccess: make,
    })
}

const plain =
  (verify: Verify): Make =>
  () =>
    Result.succeed(verify)

const Relation = Schema.Literals(["less than", "at least"])
const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const compare = (relation: typeof Relation.Type, found: number, wanted: number): boolean =>
  relation === "less than" ? found < wanted : found >= wanted

/** Words of a data file stand for themselves in a pattern. */
const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, "\\$&")
const matches = (response: string, pattern: RegExp): number => response.match(pattern)?.length ?? 0

/** In a language, or with nothing to tell it by. */
const isIn = (response: string, language: string): boolean => {
  const found = detectLanguage(response)
  return found === undefined || found === language
}

// What stands in a response may be anything and of any length: these take time in proportion to it.

/** "[…]" within a line, from each opening to the next closing bracket. */
const brackets = (line: string): number => {
  let count = 0
  for (let at = line.indexOf("["); at >= 0; at = line.indexOf("[", at)) {
    at = line.indexOf("]", at)
    if (at < 0) break
    count++
  }
  return count
}

/** Lines that begin with one star. A star alone takes the next line with it, as the original's pattern does. */
const stars = (response: string): number => {
  const lines = response.split("\n").map(trimStart)
  let count = 0
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? ""
    if (!line.startsWith("*") || line.startsWith("**") || (line === "*" && i === lines.length - 1)) continue
    count++
    if (line === "*") i++
  }
  return count
}

/** The divider of paragraphs. */
const divider = new RegExp(`[${space}]?\\*\\*\\*[${space}]?`)

/** Digits of a whole number from which on Python does not read it. */
const mostDigits = 4300

/**
 * What Python's reader of JSON takes, as JSON: it knows three numbers more, and none of very many digits. A word in a number's place is one
 * wherever it stands, so that "1NaN" is as little JSON as before. A string that does not end is passed over to the end.
 */
const fromPython = (json: string): string =>
  json.replaceAll(/"(?:[^"\\]|\\.)*"?|NaN|-?Infinity|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/gs, (found) => {
    if (/^(?:NaN|-?Infinity)$/.test(found)) return "null"
    return found.length > mostDigits && /^\d+$/.test(found) ? "a number of too many digits" : found
  })

const dashes = (response: string): number =>
  response.split("\n").filter((line) => trimStart(line).startsWith("-")).length

/** Without these characters at its begin and its end. */
const within = (text: string, open: string, close: string): string => {
  let from = 0
  let to = text.length
  while (from < to && text[from] === open) from++
  while (to > from && text[to - 1] === close) to--
  return text.slice(from, to)
}

const Words = Schema.NonEmptyArray(Schema.NonEmptyString)

export const verifiers: { readonly [id: string]: Make } = {
  "keywords:existence": withArgs(
    Schema.Struct({ keywords: Words }),
    ({ keywords }) =>
      (response) =>
        keywords.every((word) => new RegExp(literal(word), "iu").test(response)),
  ),
  "keywords:frequency": withArgs(
    Schema.Struct({ keyword: Schema.NonEmptyString, frequency: Count, relation: Relation }),
    ({ frequency, keyword, relation }) =>
      (response) =>
        compare(relation, matches(response, new RegExp(literal(trim(keyword)), "giu")), frequency),
  ),
  "keywords:forbidden_words": withArgs(
    Schema.Struct({ forbidden_words: Words }),
    ({ forbidden_words }) =>
      (response) =>
        !forbidden_words.some((word) => wholeWord(word).test(response)),
  ),
  "keywords:letter_frequency": withArgs(
    Schema.Struct({ letter: Schema.NonEmptyString, let_frequency: Count, let_relation: Relation }),
    ({ let_frequency, let_relation, letter }) =>
      (response) =>
        compare(let_relation, response.toLowerCase().split(trim(letter).toLowerCase()).length - 1, let_frequency),
  ),
  "language:response_language": withArgs(
    Schema.Struct({ language: Schema.NonEmptyString }),
    ({ language }) =>
      (response) =>
        isIn(response, language),
  ),
  "length_constraints:number_sentences": withArgs(
    Schema.Struct({ num_sentences: Count, relation: Relation }),
    ({ num_sentences, relation }) =>
      (response) =>
        compare(relation, countSentences(response), num_sentences),
  ),
  "length_constraints:number_paragraphs": withArgs(
    Schema.Struct({ num_paragraphs: Count }),
    ({ num_paragraphs }) =>
      (response) => {
        const parts = response.split(divider)
        const full = parts.filter((part) => !isBlank(part))
        // Only what is before the first and after the last divider may be blank.
        return parts.slice(1, -1).every((part) => !isBlank(part)) && full.length === num_paragraphs
      },
  ),
  "length_constraints:number_words": withArgs(
    Schema.Struct({ num_words: Count, relation: Relation }),
    ({ num_words, relation }) =>
      (response) =>
        compare(relation, countWords(response), num_words),
  ),
  "length_constraints:nth_paragraph_first_word": withArgs(
    Schema.Struct({ num_paragraphs: Count, nth_paragraph: Count, first_word: Schema.NonEmptyString }),
    ({ first_word, nth_paragraph, num_paragraphs }) =>
      (response) => {
        const parts = response.split("\n\n")
        const count = parts.filter((part) => !isBlank(part)).length
        const nth = trim(parts[nth_paragraph - 1] ?? "")
        if (count !== num_paragraphs || nth_paragraph > count || nth === "") return false
        const word = (split(nth)[0] ?? "").replace(/^'+/, "").replace(/^"+/, "")
        return (/^[^.,?!'"]*/.exec(word)?.[0] ?? "").toLowerCase() === first_word.toLowerCase()
      },
  ),
  "detectable_content:number_placeholders": withArgs(
    Schema.Struct({ num_placeholders: Count }),
    ({ num_placeholders }) =>
      (response) =>
        response.split("\n").reduce((sum, line) => sum + brackets(line), 0) >= num_placeholders,
  ),
  "detectable_content:postscript": withArgs(
    Schema.Struct({ postscript_marker: Schema.NonEmptyString }),
    ({ postscript_marker }) => {
      const marker = trim(postscript_marker)
      const pattern =
        marker === "P.P.S"
          ? new RegExp(`p\\.[${space}]?p\\.[${space}]?s`)
          : marker === "P.S."
            ? new RegExp(`p\\.[${space}]?s\\.`)
            : new RegExp(literal(marker.toLowerCase()), "u")
      return (response) => pattern.test(response.toLowerCase())
    },
  ),
  "detectable_format:number_bullet_lists": withArgs(
    Schema.Struct({ num_bullets: Count }),
    ({ num_bullets }) =>
      (response) =>
        stars(response) + dashes(response) === num_bullets,
  ),
  "detectable_format:constrained_response": plain((response) =>
    ["My answer is yes.", "My answer is no.", "My answer is maybe."].some((option) => response.includes(option)),
  ),
  "detectable_format:number_highlighted_sections": withArgs(
    Schema.Struct({ num_highlights: Count }),
    ({ num_highlights }) =>
      (response) => {
        const full = (pattern: RegExp) =>
          (response.match(pattern) ?? []).filter((found) => !isBlank(found.replaceAll("*", ""))).length
        // A bold section has a second, empty pair of single stars; both kinds count, as in the original.
        return full(/\*[^\n*]*\*/g) + full(/\*\*[^\n*]*\*\*/g) >= num_highlights
      },
  ),
  "detectable_format:multiple_sections": withArgs(
    Schema.Struct({ section_spliter: Schema.NonEmptyString, num_sections: Count }),
    ({ num_sections, section_spliter }) =>
      (response) =>
        matches(response, new RegExp(`${literal(trim(section_spliter))}[${space}]?\\p{Nd}+`, "gu")) >= num_sections,
  ),
  "detectable_format:json_format": plain((response) => {
    const text = trim(response)
      .replace(/^```json/, "")
      .replace(/^```Json/, "")
      .replace(/^```JSON/, "")
      .replace(/^```/, "")
      .replace(/```$/, "")
    return Result.isSuccess(Result.try((): unknown => JSON.parse(fromPython(trim(text)))))
  }),
  "detectable_format:title": plain((response) =>
    response.split("\n").some((line) => {
      const [from, to] = [line.indexOf("<<"), line.lastIndexOf(">>")]
      return from >= 0 && to > from + 2 && !isBlank(within(line.slice(from, to), "<", ">"))
    }),
  ),
  "combination:two_responses": plain((response) => {
    const parts = response.split("******")
    const full = parts.filter((part) => !isBlank(part))
    return (
      parts.slice(1, -1).every((part) => !isBlank(part)) &&
      full.length === 2 &&
      trim(full[0] ?? "") !== trim(full[1] ?? "")
    )
  }),
  "combination:repeat_prompt": withArgs(
    Schema.Struct({ prompt_to_repeat: Schema.NonEmptyString }),
    ({ prompt_to_repeat }) =>
      (response) =>
        trim(response).toLowerCase().startsWith(trim(prompt_to_repeat).toLowerCase()),
  ),
  "startend:end_checker": withArgs(
    Schema.Struct({ end_phrase: Schema.NonEmptyString }),
    ({ end_phrase }) =>
      (response) =>
        within(trim(response), '"', '"').toLowerCase().endsWith(trim(end_phrase).toLowerCase()),
  ),
  "startend:quotation": plain((response) => {
    const text = trim(response)
    return text.length > 1 && text.startsWith('"') && text.endsWith('"')
  }),
  "change_case:capital_word_frequency": withArgs(
    Schema.Struct({ capital_frequency: Count, capital_relation: Relation }),
    ({ capital_frequency, capital_relation }) =>
      (response) =>
        compare(capital_relation, treebankWords(response).filter(isUpper).length, capital_frequency),
  ),
  "change_case:english_capital": plain((response) => isUpper(response) && isIn(response, "en")),
  "change_case:english_lowercase": plain((response) => isLower(response) && isIn(response, "en")),
  "punctuation:no_comma": plain((response) => !response.includes(",")),
}

/** Between what are no letters, digits or underscores: \b of Unicode, as Python has it. */
const wholeWord = (word: string): RegExp => {
  const edge = `(?:(?<=[${inWord}])(?![${inWord}])|(?<![${inWord}])(?=[${inWord}]))`
  return new RegExp(`${edge}${literal(word)}${edge}`, "iu")
}
