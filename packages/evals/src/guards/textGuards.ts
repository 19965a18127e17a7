/** Guards on generated text, so that a broken model cannot look human: each a figure of one text. */
import { detectLanguages, isOf } from "../langdetect/index.ts"

const words = (text: string): ReadonlyArray<string> => text.toLowerCase().match(/[\p{L}\p{M}\p{N}'’]+/gu) ?? []

/** Number of words: runs of letters, digits and apostrophes. */
export const wordCount = (text: string): number => words(text).length

/** Different n-grams of words among all (Li et al. 2016), within one text: 1 without repetition, and of a text shorter than n words. */
export const distinctN = (text: string, n: number): number => {
  if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`n must be a whole number of at least 1, not ${n}`)
  const all = words(text)
  const count = all.length - n + 1
  if (count < 1) return 1
  const grams = new Set(Array.from({ length: count }, (_, i) => all.slice(i, i + n).join(" ")))
  return grams.size / count
}

/** Length in words of the longest run of one word: "no no no" is 3. 0 of a text without words. */
export const longestRun = (text: string): number => {
  let longest = 0
  let run = 0
  let last: string | undefined
  for (const word of words(text)) {
    run = word === last ? run + 1 : 1
    last = word
    longest = Math.max(longest, run)
  }
  return longest
}

/** How refusals begin. Ours; a list, so a refusal in other words is not seen. */
const refusals =
  /^(?:(?:i['’]m|i am) (?:really |so |very |truly )?sorry|sorry,|(?:i )?apologi[sz]e|unfortunately,? (?:i|as)|i (?:can['’]?t|cannot|can not|won['’]?t|will not|must decline|have to decline|am not able|am unable)|i['’]m (?:not able|unable|not comfortable)|as an? (?:ai|artificial|language|large language|machine|computer)|no,? i (?:can['’]?t|cannot|won['’]?t))/i

/** Whether a text begins as a refusal does. */
export const isRefusal = (text: string): boolean => refusals.test(text.slice(0, 400).replace(/^[^\p{L}]+/u, ""))

/** Share of characters that are neither letters, marks, digits, white space nor common punctuation: broken decoding shows here. */
export const strangeShare = (text: string): number => {
  const all = Array.from(text)
  if (all.length === 0) return 0
  return (
    all.filter((character) => !/[\p{L}\p{M}\p{N}\s.,;:!?'"’‘“”()[\]\-–—…*#_/&%$€£+=<>|`~@]/u.test(character)).length /
    all.length
  )
}

/** exp of minus the mean log-probability a token: perplexity of texts under a model, over all tokens together. NaN of none. */
export const perplexity = (logprobs: ReadonlyArray<ReadonlyArray<number>>): number => {
  const tokens = logprobs.flat()
  return Math.exp(-tokens.reduce((sum, logprob) => sum + logprob, 0) / tokens.length)
}

/** Letters that it takes to tell a language: of fewer, langdetect takes plain English for another language too often. */
const fewest = 40

/**
 * Whether a text may be in a language, ISO 639-1: of at least 40 letters, langdetect must give it a probability above 0.1. What is
 * shorter is not judged.
 */
export const isInLanguage = (text: string, language: string): boolean => {
  if ((text.match(/\p{L}/gu)?.length ?? 0) < fewest) return true
  const found = detectLanguages(text)
  return found === undefined || found.some((one) => isOf(one.language, language))
}

export interface TextGuards {
  readonly words: number
  readonly distinct_1: number
  readonly distinct_2: number
  readonly distinct_3: number
  readonly longest_run: number
  readonly refusal: 0 | 1
  readonly strange: number
  readonly empty: 0 | 1
  /** In the wanted language, or too short to tell. */
  readonly language: 0 | 1
}

/** Every guard of a text. `language` is an ISO 639-1 code, by default English. */
export const textGuards = (text: string, language = "en"): TextGuards => ({
  words: wordCount(text),
  distinct_1: distinctN(text, 1),
  distinct_2: distinctN(text, 2),
  distinct_3: distinctN(text, 3),
  longest_run: longestRun(text),
  refusal: isRefusal(text) ? 1 : 0,
  strange: strangeShare(text),
  empty: text.trim() === "" ? 1 : 0,
  language: isInLanguage(text, language) ? 1 : 0,
})
