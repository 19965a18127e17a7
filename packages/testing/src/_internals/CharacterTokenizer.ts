/**
 * A tokenizer without a vocabulary file: a token is a UTF-16 unit, one of the given words, or a special token of ChatML. Text
 * never becomes a special token, whatever stands in it.
 */
import type { Chat } from "./contracts.ts"

const UNITS = 0x10000
const SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] as const
const IM_START = UNITS + 1
const IM_END = UNITS + 2
const WORDS = UNITS + SPECIAL.length

export interface CharacterTokenizer {
  /** Number of token ids. */
  readonly vocab: number
  /** The token that ends a turn. */
  readonly eos: number
  readonly encode: (text: string) => ReadonlyArray<number>
  /** Without special tokens; half of a surrogate pair becomes U+FFFD. */
  readonly decode: (tokens: ReadonlyArray<number>) => string
  /** With special tokens written out. */
  readonly show: (tokens: ReadonlyArray<number>) => string
  /** ChatML, with the header of the assistant's turn at the end. */
  readonly encodeChat: (chat: Chat) => ReadonlyArray<number>
  /** The last turn of the user in a rendered chat; the whole text of anything else. */
  readonly question: (tokens: ReadonlyArray<number>) => string
}

export const characterTokenizer = (words: ReadonlyArray<string>): CharacterTokenizer => {
  // Longest first, so that " yes" wins over " ye" in the way that a merge table would.
  const known = words.map((word, i) => ({ word, id: WORDS + i })).toSorted((a, b) => b.word.length - a.word.length)
  const append = (tokens: Array<number>, text: string): void => {
    for (let i = 0; i < text.length;) {
      const hit = known.length === 0 ? undefined : known.find(({ word }) => text.startsWith(word, i))
      tokens.push(hit?.id ?? text.charCodeAt(i))
      i += hit?.word.length ?? 1
    }
  }
  const encode = (text: string): Array<number> => {
    const tokens: Array<number> = []
    append(tokens, text)
    return tokens
  }
  const text = (tokens: ReadonlyArray<number>, special: boolean): string => {
    let out = ""
    for (const token of tokens) {
      if (token < UNITS) out += String.fromCharCode(token)
      else if (token >= WORDS) out += words[token - WORDS] ?? ""
      else if (special) out += SPECIAL[token - UNITS] ?? ""
    }
    return out.toWellFormed()
  }
  const decode = (tokens: ReadonlyArray<number>): string => text(tokens, false)
  return {
    vocab: WORDS + words.length,
    eos: IM_END,
    encode,
    decode,
    show: (tokens) => text(tokens, true),
    encodeChat: (chat) => {
      const tokens: Array<number> = []
      for (const { role, content } of chat) {
        tokens.push(IM_START)
        append(tokens, `${role}\n`)
        append(tokens, content)
        tokens.push(IM_END)
        append(tokens, "\n")
      }
      tokens.push(IM_START)
      append(tokens, "assistant\n")
      return tokens
    },
    question: (tokens) => {
      const header = encode("user\n")
      for (let i = tokens.length - 1; i >= 0; i--) {
        if (tokens[i] !== IM_START || header.some((token, j) => tokens[i + 1 + j] !== token)) continue
        const start = i + 1 + header.length
        const end = tokens.indexOf(IM_END, start)
        return decode(tokens.slice(start, end === -1 ? undefined : end))
      }
      return decode(tokens)
    },
  }
}
