/** Words: how IFEval counts them, and how NLTK's word_tokenize parts them where capitals are counted. */
import { inWord, space, split, trimEnd } from "../../python.ts"
import { sentences } from "./sentences.ts"

/** Runs of letters, digits and underscores. */
export const countWords = (text: string): number => text.match(new RegExp(`[${inWord}]+`, "gu"))?.length ?? 0

/** Where a word begins or ends. */
const edge = `(?:(?<=[${inWord}])(?![${inWord}])|(?<![${inWord}])(?=[${inWord}]))`
const pattern = (source: string) => new RegExp(source, "giu")

/** Marks at a sentence's end that may follow its full stop. */
const afterStop = new Set("])}>\"'»”’ ")

/** A full stop is its own word at a sentence's end, and part of the word elsewhere (abbreviations). */
const lastStop = (text: string): string => {
  const end = trimEnd(text)
  let at = end.length
  while (at > 0 && afterStop.has(end[at - 1] ?? "")) at--
  const before = end[at - 2]
  return end[at - 1] === "." && before !== undefined && before !== "."
    ? `${end.slice(0, at - 1)} . ${end.slice(at)} `
    : text
}

/** What is done to a sentence, in order; then it is parted at white space. */
const steps: ReadonlyArray<(text: string) => string> = [
  (text) =>
    text
      .replaceAll(/[«“‘„]|`+/g, " $& ")
      .replace(/^"/, "``")
      .replaceAll("``", " `` ")
      .replaceAll(/([ ([{<])(?:"|'')/g, "$1 `` ")
      // A quotation mark before a word that is no clitic.
      .replaceAll(pattern(`(?<![${inWord}])'(?!(?:re|ve|ll|m|t|s|d|n)${edge})(?=[${inWord}])`), "' "),
  lastStop,
  (text) =>
    text
      .replaceAll(/([:,])(\P{Nd})/gu, " $1 $2")
      .replace(/[:,](?=\n?$)/, " $& ")
      .replaceAll(/\.{2,}/g, " $& ")
      .replaceAll(/[;@#$%&]/g, " $& ")
      .replaceAll(/[\u2012-\u2015]/g, " $& "),
  lastStop,
  (text) =>
    text
      .replaceAll(/[?!]/g, " $& ")
      .replaceAll(/([^'])' /g, "$1 ' ")
      .replaceAll(/[*\][(){}<>]/g, " $& ")
      .replaceAll("--", " -- "),
  // Contractions are two words.
  (text) =>
    ` ${text} `
      .replaceAll(/[»”’]/g, " $& ")
      .replaceAll("''", " '' ")
      .replaceAll('"', " '' ")
      .replaceAll(new RegExp(`[${space}]+`, "g"), " ")
      .replaceAll(/([^' ])('[sS]|'[mM]|'[dD]|') /g, "$1 $2 ")
      .replaceAll(/([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) /g, "$1 $2 "),
  (text) =>
    ["can|not", "d|'ye", "gim|me", "gon|na", "got|ta", "lem|me", "more|'n"]
      .reduce((all, pair) => {
        const [one = "", two = ""] = pair.split("|")
        return all.replaceAll(pattern(`${edge}(${one})(${two})${edge}`), " $1 $2 ")
      }, text)
      .replaceAll(pattern(`${edge}(wan)(na)(?=[${space}])`), " $1 $2 ")
      .replaceAll(pattern(` ('t)(is|was)${edge}`), " $1 $2 "),
]

/** Penn Treebank's words, with NLTK's changes: a hyphenated word is one, punctuation stands by itself. */
export const treebankWords = (text: string): ReadonlyArray<string> =>
  sentences(text).flatMap((sentence) => split(steps.reduce((all, step) => step(all), sentence)))
