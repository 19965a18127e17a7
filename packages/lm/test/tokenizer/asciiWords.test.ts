import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { PreTokenizer } from "../../src/tokenizer/asciiWords.ts"
import { quickenAscii } from "../../src/tokenizer/asciiWords.ts"

/** The alphabet of byte-level tokenizers, as far as it matters here: two letters a byte. */
const byte_encoder = Object.fromEntries(Array.from({ length: 256 }, (_, byte) => [byte, byte.toString(16)]))

/** As the library does it, counting how often. */
class ByteLevel implements PreTokenizer {
  readonly config = { type: "ByteLevel" }
  readonly byte_encoder = byte_encoder
  readonly use_regex: boolean
  readonly add_prefix_space: boolean
  asked = 0
  constructor(use_regex = false, add_prefix_space = false) {
    this.use_regex = use_regex
    this.add_prefix_space = add_prefix_space
  }
  pre_tokenize_text(text: string): ReadonlyArray<string> {
    this.asked += 1
    return [Array.from(new TextEncoder().encode(text), (byte) => this.byte_encoder[byte]).join("")]
  }
}

describe("quickenAscii", () => {
  const library = new ByteLevel()
  const quick = new ByteLevel()
  quickenAscii({ config: { type: "Sequence" }, tokenizers: [null, quick], pre_tokenize_text: () => [] })

  it("spells every word as the library does", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" })), (word) => {
        expect(quick.pre_tokenize_text(word)).toEqual(library.pre_tokenize_text(word))
      }),
    )
  })
  it("asks the library for words beyond ASCII alone", () => {
    const before = quick.asked
    quick.pre_tokenize_text("a word\n\u007f")
    expect(quick.asked).toBe(before)
    quick.pre_tokenize_text("caf\u00e9")
    expect(quick.asked).toBe(before + 1)
  })
  it.each([new ByteLevel(true), new ByteLevel(false, true)])("leaves one that does more to a word", (more) => {
    quickenAscii(more)
    more.pre_tokenize_text("word")
    expect(more.asked).toBe(1)
  })
})
