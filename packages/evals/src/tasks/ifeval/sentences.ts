/** Sentences as NLTK's English Punkt tells them apart, by its rules with a list of abbreviations in the place of its trained model. */

/** Words that end with a full stop within a sentence. Small letters, without the last stop. */
const abbreviations = new Set(
  (
    "mr mrs ms dr prof rev hon st sr jr gen col capt lt sgt maj gov sen rep pres u.s u.k u.n e.g i.e etc vs v cf al inc ltd co corp " +
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tues wed thurs fri sat sun a.m p.m no vol ed p pp fig dept est approx " +
    "ave blvd rd ph.d m.d b.a m.a b.s d.c a.k.a w.r.t messrs mt ft sq oz lb lbs min max misc ext"
  ).split(" "),
)

/** Words that often begin a sentence: after an abbreviation they begin a new one. */
const starters = new Set(
  "the this that these those it he she they we i you but and so however in on at for if when while as there his her its my our your".split(
    " ",
  ),
)

/** Quotation marks, brackets and stars that close on a stop. */
const closing = new Set("'\"”’)]}*_")
const stopping = new Set(".?!")

/** Where the run of such characters begins that ends before `end`. */
const back = (text: string, end: number, among: ReadonlySet<string>): number => {
  let at = end
  while (at > 0 && among.has(text[at - 1] ?? "")) at--
  return at
}

/** Number of sentences; 0 of a blank text. A line break alone ends none. */
export const countSentences = (text: string): number => {
  const tokens = text.split(/\s+/).filter((token) => token !== "")
  let count = Math.min(1, tokens.length)
  for (const [i, token] of tokens.slice(0, -1).entries()) {
    const stopsEnd = back(token, token.length, closing)
    const wordEnd = back(token, stopsEnd, stopping)
    if (wordEnd < stopsEnd && ends(token.slice(0, wordEnd), token.slice(wordEnd, stopsEnd), tokens[i + 1] ?? ""))
      count++
  }
  return count
}

const ends = (before: string, stops: string, next: string): boolean => {
  if (!/^\.+$/.test(stops)) return true
  const begins = next.replace(/^["'“‘([{*_#-]+/, "")
  const small = /^\p{Ll}/u.test(begins)
  const great = /^\p{Lu}/u.test(begins)
  if (stops.length > 1) return great && starters.has(wordOf(begins))
  const word = before.replace(/^["'“‘([{*_]+/, "")
  // An initial ("J. Smith") or an ordinal: no end before a small letter, and for an initial before a name neither.
  if (/^\p{L}$/u.test(word)) return great && word !== "I" ? starters.has(wordOf(begins)) : !small
  if (/^[\d.,-]*\d$/.test(word)) return !small
  if (abbreviations.has(word.toLowerCase()) || /^(?:\p{L}\.)+\p{L}$/u.test(word))
    return great && starters.has(wordOf(begins))
  return true
}

const wordOf = (text: string): string => /^\p{L}+/u.exec(text)?.[0].toLowerCase() ?? ""
