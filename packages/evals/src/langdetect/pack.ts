/**
 * Packs langdetect's profiles and tables of characters (the folder of the Python package is given) into profiles.json.br:
 *
 *     node packages/evals/src/langdetect/pack.ts FOLDER
 */
import * as Schema from "effect/Schema"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { brotliCompressSync, constants } from "node:zlib"
import { Packed } from "./profiles.ts"

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error("which folder has langdetect?")

const Profile = Schema.fromJsonString(
  Schema.Struct({
    name: Schema.String,
    n_words: Schema.Tuple([Schema.Int, Schema.Int, Schema.Int]),
    freq: Schema.Record(Schema.String, Schema.Int),
  }),
)
const profiles = readdirSync(join(folder, "profiles"))
  .toSorted()
  .map((name) => Schema.decodeSync(Profile)(readFileSync(join(folder, "profiles", name), "utf8")))

const table = new Map(
  readFileSync(join(folder, "utils", "messages.properties"), "utf8")
    .split("\n")
    .map((line) => line.trim().split("="))
    .map(([key = "", value = ""]) => [
      key,
      value.replaceAll(/\\u([0-9A-Fa-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    ]),
)

const grams = [...new Set(profiles.flatMap(({ freq }) => Object.keys(freq)))].toSorted()
const has = grams.map((gram) =>
  profiles.flatMap(({ freq }, i) => {
    const count = Object.hasOwn(freq, gram) ? freq[gram] : undefined
    return count === undefined ? [] : [[i, count] as const]
  }),
)
const ofLength = (n: number) => grams.flatMap((gram, i) => (gram.length === n ? [{ gram, has: has[i] ?? [] }] : []))
const packed = Schema.encodeSync(Packed)({
  languages: profiles.map(({ name }) => name),
  totals: profiles.map(({ n_words }) => n_words),
  grams: [1, 2, 3].map((n) => {
    const all = ofLength(n)
    return {
      texts: all.map(({ gram }) => gram).join(""),
      languages: all.map(({ has }) => has.map(([i]) => String.fromCharCode(65 + i)).join("")).join(" "),
      counts: all.flatMap(({ has }) => has.map(([, count]) => count)),
    }
  }),
  kanji: [...table].flatMap(([key, value]) => (/^NGram\.KANJI_\d_\d+$/.test(key) ? [value] : [])),
  vietnamese: {
    letters: table.get("TO_NORMALIZE_VI_CHARS") ?? "",
    marks: table.get("DMARK_CLASS") ?? "",
    marked: ["0300", "0301", "0303", "0309", "0323"].map((mark) => table.get(`NORMALIZED_VI_CHARS_${mark}`) ?? ""),
  },
})
writeFileSync(
  new URL("profiles.json.br", import.meta.url),
  brotliCompressSync(packed, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 },
  }),
)
