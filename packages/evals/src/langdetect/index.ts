/**
 * What language a text is in, as langdetect 1.0.9 finds it with `DetectorFactory.seed = 0`: naive Bayes over n-grams of characters
 * (Nakatani 2010), drawn at random until one language is certain, seven times, of which the mean counts.
 */
import { ngrams } from "./ngrams.ts"
import { profiles } from "./profiles.ts"
import { random } from "./Random.ts"

const trials = 7
/** Smoothing: its mean and standard deviation over trials, for n-grams of this frequency. */
const [alpha, spread, base] = [0.5, 0.05, 10_000]
/** A trial ends where a language has this probability, or with so many n-grams. */
const [certain, longest] = [0.99999, 1000]
/** A language of no more than this is none. */
const least = 0.1

/** A language's code, ISO 639-1 but for zh-cn and zh-tw, and its probability. */
export interface Found {
  readonly language: string
  readonly probability: number
}

/**
 * Languages with a probability above 0.1, the likeliest first; undefined where the text has no n-gram of any language, as one of
 * digits. `seed` is a whole number, 0 ≤ seed < 2³².
 */
export const detectLanguages = (text: string, seed = 0): ReadonlyArray<Found> | undefined => {
  const known = profiles()
  const { from, having, languages, probabilities } = known
  const grams = ngrams(text, known)
  if (grams.length === 0) return undefined
  const { below, gauss } = random(seed)
  const mean = new Float64Array(languages.length)
  const likelihood = new Float64Array(languages.length)
  for (let trial = 0; trial < trials; trial++) {
    const weight = (alpha + gauss() * spread) / base
    let posterior = new Float64Array(languages.length).fill(1 / languages.length)
    for (let i = 0; ; i++) {
      const gram = grams[below(grams.length)] ?? 0
      likelihood.fill(weight)
      for (let k = from[gram] ?? 0; k < (from[gram + 1] ?? 0); k++)
        likelihood[having[k] ?? 0] = weight + (probabilities[k] ?? 0)
      posterior = posterior.map((p, language) => p * (likelihood[language] ?? 0))
      if (i % 5 !== 0) continue
      const sum = posterior.reduce((all, p) => all + p, 0)
      posterior = posterior.map((p) => p / sum)
      if (Math.max(...posterior) > certain || i >= longest) break
    }
    posterior.forEach((p, language) => (mean[language] = (mean[language] ?? 0) + p / trials))
  }
  return languages
    .map((language, i) => ({ language, probability: mean[i] ?? 0 }))
    .filter(({ probability }) => probability > least)
    .toSorted((a, b) => b.probability - a.probability)
}

/** The likeliest language; "unknown" where none is above 0.1, undefined where there is nothing to tell by. */
export const detectLanguage = (text: string): string | undefined => {
  const found = detectLanguages(text)
  return found === undefined ? undefined : (found[0]?.language ?? "unknown")
}

/** Whether a code, as found or its ISO 639-1 part, is of the 55 languages. English is known without reading the profiles. */
export const knowsLanguage = (code: string): boolean =>
  code === "en" || profiles().languages.some((one) => isOf(one, code))

/** Whether a language that was found is the one of a code: "zh-cn" and "zh-tw" both are of "zh". */
export const isOf = (found: string, code: string): boolean => found === code || found.startsWith(`${code}-`)
