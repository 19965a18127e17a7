/** Sentences as NLTK's Punkt tells them apart (Kiss and Strunk 2006), with the parameters of its English model (MIT: punkt.LICENSE). */
import parameters from "./punkt.json" with { type: "json" }
import { inWord, isLower, isUpper, space, split, trimEnd } from "../../python.ts"

const set = (words: string): ReadonlySet<string> => new Set(words.split(" "))
const abbreviations = set(parameters.abbreviations)
const starters = set(parameters.starters)
const collocations: ReadonlySet<string> = new Set(parameters.collocations)
/** Words that were only ever seen small, and at a sentence's begin too. */
const smallAtBegin = set(parameters.smallAtBegin)

/** Hashes of words that were seen small → whether also great within a sentence. See punkt.py. */
const small = new Map<number, boolean>()
let value = 0
let [gap, shift] = [0, 0]
for (const char of atob(parameters.small)) {
  const byte = char.charCodeAt(0)
  gap += (byte & 127) * 2 ** shift
  shift += 7
  if (byte > 127) continue
  value += gap
  small.set(value >> 1, (value & 1) === 1)
  ;[gap, shift] = [0, 0]
}

const utf8 = new TextEncoder()
const hash = (word: string): number => {
  let found = 0x811c9dc5
  for (const byte of utf8.encode(word)) found = Math.imul(found ^ byte, 0x01000193)
  return (found ^ (found >>> 24)) & 0xffffff
}

/** What stands by itself behind a word. */
const mark = String.raw`[)";}\]*:@'({[‘’“”«»?!]`
const dots = String.raw`(?:-{2,}|\.{2,}|(?:\.[${space}]){2,}\.)`
const wordEnd = `[${space}]|$|${mark}|${dots}|,(?=$|[${space}]|${mark}|${dots})`
const token = new RegExp(String.raw`${dots}|(?=[^("\x60{[:;&#*@)}\]\-,])[^${space}]+?(?=${wordEnd})|[^${space}]`, "gu")
/** A stop with a mark or another word behind it. */
const candidate = new RegExp(String.raw`[.?!](?=(?<mark>${mark})|(?<gap>[${space}]+)(?<next>[^${space}]+))`, "gu")
/** Closing marks at what would be a sentence's begin belong to the one before. */
const closing = new RegExp(String.raw`^["')\]}‘’“”«»]+?(?:[${space}]+|(?=--)|$)`, "u")

interface Token {
  readonly text: string
  /** In small letters, a number as such. */
  readonly type: string
  abbreviated: boolean
  ends: boolean
}

const letter = `(?!\\p{Nd})[${inWord}]`
const initial = new RegExp(`^${letter}\\.$`, "u")
const number = /^-?[.,]?\p{Nd}[\p{Nd},.-]*\.?$/u

const first = (text: string): Token => {
  const small = text.slice(0, -1).toLowerCase()
  const known = abbreviations.has(small) || abbreviations.has(small.slice(small.lastIndexOf("-") + 1))
  const stop = text.endsWith(".") && !text.endsWith("..") && text !== "."
  return {
    text,
    type: text.toLowerCase().replace(number, "##number##"),
    abbreviated: stop && known,
    ends: text === "." || text === "?" || text === "!" || (stop && !known),
  }
}

const bare = (type: string): string => (type.length > 1 && type.endsWith(".") ? type.slice(0, -1) : type)

/** Whether the token begins a sentence, by how its word is written elsewhere. */
const begins = ({ ends, text, type }: Token): boolean | undefined => {
  if (/^[;:,.!?]$/.test(text)) return false
  const word = ends ? bare(type) : type
  const head = String.fromCodePoint(text.codePointAt(0) ?? 0)
  if (isUpper(head) && small.get(hash(word)) === false) return true
  return isLower(head) && !smallAtBegin.has(word) ? false : undefined
}

const ellipsis = /^\.\.+$/

/** Whether a sentence ends at the first of two tokens, once the second is known. */
const endsBefore = (one: Token, next: Token): boolean => {
  if (!one.text.endsWith(".")) return one.ends
  const type = bare(one.type)
  const nextType = next.ends ? bare(next.type) : next.type
  if (collocations.has(`${type} ${nextType}`)) return false
  const isInitial = initial.test(one.text)
  const great = isUpper(String.fromCodePoint(next.text.codePointAt(0) ?? 0))
  const begun = begins(next)
  if (
    !isInitial &&
    (one.abbreviated || ellipsis.test(one.text)) &&
    (begun === true || (great && starters.has(nextType)))
  )
    return true
  if (isInitial || type === "##number##") {
    if (begun === false) return false
    if (begun === undefined && isInitial && great && !small.has(hash(nextType))) return false
  }
  return one.ends
}

/** Whether a sentence ends within a word, its stop and what follows. */
const hasEnd = (context: string): boolean => {
  const tokens = context.split("\n").flatMap((line) => (line.match(token) ?? []).map(first))
  return tokens.some((one, i) => {
    const next = tokens[i + 1]
    return next !== undefined && endsBefore(one, next)
  })
}

/** Candidates of which none is within another's word, each with that word's begin and what it is judged by. */
function* contexts(text: string) {
  let previous: { readonly found: RegExpExecArray; readonly from: number; readonly to: number } | undefined
  const judged = ({ found, from, to }: NonNullable<typeof previous>) => {
    const { gap = "", mark = "", next = "" } = found.groups ?? {}
    return {
      end: to + 1,
      next: next === "" ? to + 1 : to + 1 + gap.length,
      context: text.slice(from, to + 1) + mark + gap + next,
    }
  }
  for (const found of text.matchAll(candidate)) {
    const to = found.index
    const since = previous?.to ?? 0
    let from = to
    while (from > since && !/[\t-\r ]/.test(text[from - 1] ?? "")) from--
    // White space at the very begin of what lies between is overlooked, as in the original.
    if (from <= since + 1) from = previous?.from ?? 0
    if (previous !== undefined && previous.to <= from) yield judged(previous)
    previous = { found, from, to }
  }
  if (previous !== undefined) yield judged(previous)
}

/** The sentences of a text. A line break alone ends none. */
export const sentences = (text: string): ReadonlyArray<string> => {
  const spans: Array<readonly [from: number, to: number]> = []
  let from = 0
  for (const { context, end, next } of contexts(text)) {
    if (!hasEnd(context)) continue
    spans.push([from, end])
    from = next
  }
  spans.push([from, trimEnd(text).length])
  const found: Array<string> = []
  let moved = 0
  for (const [i, [begin, end]] of spans.entries()) {
    const start = begin + moved
    const following = spans[i + 1]
    const tail = following === undefined ? undefined : closing.exec(text.slice(...following))?.[0]
    moved = tail?.length ?? 0
    if (following !== undefined && tail !== undefined)
      found.push(text.slice(start, following[0] + trimEnd(tail).length))
    else if (start < end) found.push(text.slice(start, end))
  }
  return found
}

/** Number of sentences; 0 of a blank text. */
export const countSentences = (text: string): number => (split(text).length === 0 ? 0 : sentences(text).length)
