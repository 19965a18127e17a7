/** langdetect's features of a text: n-grams of 1 to 3 characters, with characters that say little about a language made one. */
import type { Profiles } from "./profiles.ts"

const isUpper = (character: string): boolean => /\p{Uppercase}/u.test(character)

/** As langdetect has it, with the marks that ASCII has between the two alphabets. */
const isLatin = (character: string): boolean => character >= "A" && character <= "z"

/** What is read of a text, in characters. */
const most = 10_000

const addresses = [
  /https?:\/\/[-_.?&~;+=/#0-9A-Za-z]{1,2076}/g,
  /[-_.0-9A-Za-z]{1,64}@[-_0-9A-Za-z]{1,255}[-_.0-9A-Za-z]{1,255}/g,
]

/**
 * Characters of the text that count: no addresses, Vietnamese marks on their letters, runs of blanks as one, and no Latin letters in
 * another script's text.
 */
const cleaned = (text: string, { letters, marked, marks }: Profiles["vietnamese"]): ReadonlyArray<string> => {
  const joined = addresses
    .reduce((all, address) => all.replaceAll(address, " "), text)
    .replaceAll(
      new RegExp(`([${letters}])([${marks}])`, "g"),
      (_, letter: string, mark: string) => marked[marks.indexOf(mark)]?.[letters.indexOf(letter)] ?? "",
    )
  const read = Array.from(joined)
    .slice(0, most)
    .filter((character, i, all) => character !== " " || all[i - 1] !== " ")
  const latin = read.filter(isLatin).length
  const other = read.filter((character) => character >= "\u0300").length
  return latin * 2 < other ? read.filter((character) => !isLatin(character)) : read
}

/** A character as the profiles have it: one for all of a script whose characters do not tell languages apart, a blank for punctuation. */
const normalised = (character: string, kanji: Profiles["kanji"]): string => {
  const code = character.codePointAt(0) ?? 0
  const within = (from: number, to: number) => code >= from && code <= to
  if (code < 0x80) return /[A-Za-z]/.test(character) ? character : " "
  if (within(0x80, 0xff)) return "\u00a0«°»".includes(character) ? " " : character
  // Romanian's comma below is the cedilla of the profiles, and Persian's yeh the Arabic one.
  if (character === "\u0219") return "\u015f"
  if (character === "\u021b") return "\u0163"
  if (character === "\u06cc") return "\u064a"
  if (within(0x2000, 0x206f)) return " "
  if (within(0x1ea0, 0x1eff)) return "\u1ec3"
  if (within(0x3040, 0x309f)) return "\u3042"
  if (within(0x30a0, 0x30ff)) return "\u30a2"
  if (within(0x3100, 0x312f) || within(0x31a0, 0x31bf)) return "\u3105"
  if (within(0xac00, 0xd7af)) return "\uac00"
  return kanji.get(character) ?? character
}

/**
 * Places of the text's n-grams that the profiles have, in order and each as often as it occurs. Words of capitals have none from
 * their second letter on.
 */
export const ngrams = (text: string, { kanji, places, vietnamese }: Profiles): ReadonlyArray<number> => {
  const found: Array<number> = []
  let grams: ReadonlyArray<string> = [" "]
  let capitals = false
  for (const read of cleaned(text, vietnamese)) {
    const character = normalised(read, kanji)
    const last = grams.at(-1) ?? " "
    if (last === " ") {
      grams = [" "]
      capitals = false
      if (character === " ") continue
    }
    grams = [...grams.slice(-2), character]
    capitals = isUpper(character) && (capitals || isUpper(last))
    if (capitals) continue
    for (let n = 1; n <= grams.length; n++) {
      const place = places.get(grams.slice(-n).join(""))
      if (place !== undefined) found.push(place)
    }
  }
  return found
}
