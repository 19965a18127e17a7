/** Byte-level byte-pair encoding, trained (Sennrich et al. 2016; byte alphabet and pre-tokeniser as in GPT-2 and Qwen2). */

/** Qwen2's pre-tokeniser: words with the space before them, single digits, runs of punctuation, line ends, spaces. */
export const PRETOKENISER =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

const printable = (byte: number): boolean =>
  (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255)

/** GPT-2's map from bytes to printable characters: printable bytes stand for themselves, the others for 256, 257, … */
export const byteAlphabet: ReadonlyArray<string> = (() => {
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++))
})()

const symbols = (word: string): Array<string> =>
  Array.from(new TextEncoder().encode(word), (byte) => byteAlphabet[byte] ?? "")

export interface Bpe {
  /** In order of their ids: the alphabet, then one token a merge. */
  readonly tokens: ReadonlyArray<string>
  readonly merges: ReadonlyArray<readonly [string, string]>
}

/** Merges the most frequent pair (the first in alphabetic order among equals) until `size` tokens stand or no pair occurs `least` times. */
export const train = (texts: Iterable<string>, size: number, least = 2): Bpe => {
  const counts = new Map<string, number>()
  const words = new RegExp(PRETOKENISER, "gu")
  for (const text of texts)
    for (const [word] of text.normalize("NFC").matchAll(words)) counts.set(word, (counts.get(word) ?? 0) + 1)

  const pieces = [...counts].map(([word, count]) => ({ parts: symbols(word), count }))
  const tokens = byteAlphabet.toSorted()
  const merges: Array<readonly [string, string]> = []
  while (tokens.length < size) {
    const pairs = new Map<string, number>()
    for (const { parts, count } of pieces)
      for (const [i, part] of parts.entries()) {
        const next = parts[i + 1]
        if (next === undefined) break
        // Symbols hold no space: it stands for its printable character.
        const pair = `${part} ${next}`
        pairs.set(pair, (pairs.get(pair) ?? 0) + count)
      }
    let best = ""
    let most = least - 1
    for (const [pair, count] of pairs)
      if (count > most || (count === most && most >= least && pair < best)) {
        best = pair
        most = count
      }
    if (best === "") break
    const [left = "", right = ""] = best.split(" ")
    merges.push([left, right])
    if (!tokens.includes(left + right)) tokens.push(left + right)
    for (const piece of pieces) {
      const joined: Array<string> = []
      for (const part of piece.parts) {
        if (part === right && joined.at(-1) === left) joined[joined.length - 1] = left + right
        else joined.push(part)
      }
      piece.parts = joined
    }
  }
  return { tokens, merges }
}
