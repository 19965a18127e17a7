import { oneOf } from "../checks.ts"
import { make, type Plain } from "../Reward.ts"
import { ownText, words } from "./text.ts"

/** ISO 639-1. */
export type Language = keyof typeof stopWords | keyof typeof scripts

/** Languages that a script of their own gives away. */
const scripts = {
  ar: /\p{Script=Arabic}/u,
  el: /\p{Script=Greek}/u,
  he: /\p{Script=Hebrew}/u,
  hi: /\p{Script=Devanagari}/u,
  ja: /[\p{Script=Hiragana}\p{Script=Katakana}]/u,
  ko: /\p{Script=Hangul}/u,
  ru: /\p{Script=Cyrillic}/u,
  th: /\p{Script=Thai}/u,
  zh: /\p{Script=Han}/u,
} as const

/** Frequent words that the other languages of this list do not have. */
const stopWords = {
  de: "der die das und ist ich nicht ein eine zu den mit für auf sich dem auch es wie aber sie wir oder von bei aus noch nur",
  en: "the and is i not of to it you that was for with my are have this be what but they we or from by an at do",
  es: "el los las y es no yo que una por con para su se lo como pero más muy del al mi está qué sí también",
  fr: "le les et est je ne pas une des du dans pour avec sur ce il elle nous vous mais ou au aux plus très c'est j'ai",
  it: "il gli è io non di che un per con sono ma anche più molto della nel mi si questo come perché ho",
  nl: "het een en ik niet van dat op te met voor zijn er maar ook wij jij dit naar bij nog wel geen",
  pt: "o os as é eu não um uma em por com para do da no na mas muito também você isso são está",
} as const

const listed = Object.entries(stopWords).map(([code, list]) => [code, new Set(list.split(" "))] as const)

/** For each stop word the languages that have it. */
const owners = new Map<string, ReadonlyArray<string>>(
  [...new Set(listed.flatMap(([, list]) => [...list]))].map((word) => [
    word,
    listed.flatMap(([code, list]) => (list.has(word) ? [code] : [])),
  ]),
)

/**
 * The share of what gives a language away that gives away this one: of different stop words where the script is Latin, of different
 * words in its script elsewhere. No verdict where nothing does: an answer of one name, of numbers or of emoji has no language.
 * What an answer quotes of its question does not count.
 *
 * **Gotchas**
 *
 * A list of stop words is no language model. Answers of fewer than about five words are often without a verdict; languages that are
 * not in the list (Swedish, Polish, Turkish) may pass for a neighbour; Ukrainian passes for Russian, Urdu and Persian for Arabic, and
 * Chinese without kana beside it is told from Japanese by the kana alone.
 */
export const language = (is: Language): Plain<"language"> => {
  oneOf("language", is, [...Object.keys(stopWords), ...Object.keys(scripts)])
  const other = "text of the wanted language is what it pays for, and the quote may be in it"
  return make("language", {
    version: 1,
    options: { is },
    laws: {
      mayBreak: {
        "not raised by quoting the question": other,
        "not raised by quoting the rubric": other,
        "not raised by naming a score": other,
        "not raised by repetition": "where two copies meet, two halves of a word may become a stop word",
        "not raised by padding": "what is put right beside a word changes the word",
      },
    },
    score: (c, options) => {
      let own = 0
      let all = 0
      const kana = scripts.ja.test(c.text)
      for (const word of new Set(words(ownText(c)))) {
        const said = languagesOf(word, kana)
        if (said.length === 0) continue
        all++
        if (said.includes(options.is)) own++
      }
      return all === 0 ? undefined : own / all
    },
  })
}

/** Which languages a word speaks for. Han characters among kana are Japanese. */
const languagesOf = (word: string, kana: boolean): ReadonlyArray<string> => {
  const known = owners.get(word)
  if (known !== undefined) return known
  const script = Object.entries(scripts).find(([, letters]) => letters.test(word))?.[0]
  if (script === undefined) return []
  return [script === "zh" && kana ? "ja" : script]
}
