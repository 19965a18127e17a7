/** langdetect's profiles: how often each n-gram of characters stands in each of 55 languages' Wikipedias. Read when first asked for. */
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { brotliDecompressSync } from "node:zlib"

/** What profiles.json.br has: see pack.ts. */
export const Packed = Schema.fromJsonString(
  Schema.Struct({
    /** Codes of languages, in the order of the alphabet: their places are what `grams` names. */
    languages: Schema.Array(Schema.String),
    /** For each language how many 1-, 2- and 3-grams were counted. */
    totals: Schema.Array(Schema.Tuple([Schema.Number, Schema.Number, Schema.Number])),
    /**
     * 1-, 2- and 3-grams: their texts on end; the languages of each, as characters from "A" on, n-grams apart by a blank; and its count
     * in each of these. So it packs best.
     */
    grams: Schema.Array(
      Schema.Struct({ texts: Schema.String, languages: Schema.String, counts: Schema.Array(Schema.Number) }),
    ),
    /** Classes of Chinese characters, of each of which the first stands for all. */
    kanji: Schema.Array(Schema.String),
    /** Vietnamese letters, combining marks, and for each mark the letters with it. */
    vietnamese: Schema.Struct({ letters: Schema.String, marks: Schema.String, marked: Schema.Array(Schema.String) }),
  }),
)

export interface Profiles {
  readonly languages: ReadonlyArray<string>
  /** Places of n-grams. The languages of the one at place i stand in the two lists below at `from[i]` and on, before `from[i + 1]`. */
  readonly places: ReadonlyMap<string, number>
  readonly from: Uint32Array
  /** Places of languages that have the n-gram, */
  readonly having: Uint8Array
  /** and p(n-gram | language) among n-grams of its length. */
  readonly probabilities: Float64Array
  /** A Chinese character's class, by its first character. */
  readonly kanji: ReadonlyMap<string, string>
  readonly vietnamese: (typeof Packed.Type)["vietnamese"]
}

const unpack = (): Profiles => {
  const file = brotliDecompressSync(readFileSync(new URL("profiles.json.br", import.meta.url))).toString("utf8")
  const { grams, kanji, languages, totals, vietnamese } = Schema.decodeSync(Packed)(file)
  const entries = grams.reduce((sum, { counts }) => sum + counts.length, 0)
  const places = new Map<string, number>()
  const from = [0]
  const having = new Uint8Array(entries)
  const probabilities = new Float64Array(entries)
  let entry = 0
  for (const [i, { counts, languages, texts }] of grams.entries()) {
    const [n, before] = [i + 1, entry]
    for (const [k, has] of languages.split(" ").entries()) {
      places.set(texts.slice(k * n, (k + 1) * n), places.size)
      for (let c = 0; c < has.length; c++) {
        const language = has.charCodeAt(c) - 65
        having[entry] = language
        probabilities[entry] = (counts[entry - before] ?? 0) / (totals[language]?.[i] ?? 0)
        entry++
      }
      from.push(entry)
    }
  }
  return {
    languages,
    places,
    from: Uint32Array.from(from),
    having,
    probabilities,
    kanji: new Map(kanji.flatMap((all) => Array.from(all, (character) => [character, all.charAt(0)] as const))),
    vietnamese,
  }
}

let read: Profiles | undefined
export const profiles = (): Profiles => (read ??= unpack())
