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

/** Number of sentences; 0 of a blank text. A line break alone ends none. */
export const countSentences = (text: string): number => {
  const trimmed = text.trim()
  if (trimmed === "") return 0
  let count = 1
  // A stop, with the quotation marks and brackets that close on it, before white space and something else.
  for (const found of trimmed.matchAll(/(\S*?)([.?!]+)(["'”’)\]}*_]*)\s+(?=(\S+))/g)) {
    const [, before = "", stops = "", , next = ""] = found
    if (ends(before, stops, next)) count++
  }
  return count
}

const ends = (before: string, stops: string, next: string): boolean => {
  if (!/^\.+$/.test(stops)) return true
  const begins = next.replace(/^["'“‘(\[{*_#-]+/, "")
  const small = /^\p{Ll}/u.test(begins)
  const great = /^\p{Lu}/u.test(begins)
  if (stops.length > 1) return great && starters.has(wordOf(begins))
  const word = before.replace(/^["'“‘(\[{*_]+/, "")
  // An initial ("J. Smith") or an ordinal: no end before a small letter, and for an initial before a name neither.
  if (/^\p{L}$/u.test(word)) return great && word !== "I" ? starters.has(wordOf(begins)) : !small
  if (/^[\d.,-]*\d$/.test(word)) return !small
  if (abbreviations.has(word.toLowerCase()) || /^(?:\p{L}\.)+\p{L}$/u.test(word))
    return great && starters.has(wordOf(begins))
  return true
}

const wordOf = (text: string): string => /^\p{L}+/u.exec(text)?.[0].toLowerCase() ?? ""
