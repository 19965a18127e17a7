import { Tokenizer } from "@huggingface/tokenizers"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { batches, sequence } from "../pretrain/batches.ts"
import { byteAlphabet, train } from "../pretrain/Bpe.ts"
import { episode } from "../pretrain/corpus.ts"
import { assistantPart, tokenizerConfigJson, tokenizerJson, userPart } from "../pretrain/tokenizer.ts"

const texts = Array.from({ length: 3000 }, (_, i) => episode(7, i)).flatMap((it) =>
  it.turns.flatMap((t) => [t.user, t.assistant]),
)
const bpe = train(texts, 1600)
const tokenizer = new Tokenizer(tokenizerJson(bpe), tokenizerConfigJson())
const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids

describe("byte-pair encoding", () => {
  it("has one printable character a byte", () => {
    expect(new Set(byteAlphabet).size).toBe(256)
    expect(byteAlphabet[32]).toBe("Ġ")
    expect(byteAlphabet[10]).toBe("Ċ")
  })

  it("merges the most frequent pair first", () => {
    const { merges, tokens } = train(["abab abab ab"], 259)
    expect(merges[0]).toEqual(["a", "b"])
    expect(tokens.slice(256)).toEqual(["ab", "abab"])
  })

  it("makes every word of the corpus that is not rare one token", () => {
    for (const word of [" feel", " happy", " intentions", " music", "I", "yes", "no", " answer"])
      expect(encode(word)).toHaveLength(1)
  })

  it("gives back any text, whatever its script", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (text) => {
        fc.pre(!text.includes("<|"))
        expect(tokenizer.decode(encode(text))).toBe(text.normalize("NFC"))
      }),
    )
  })

  it("has single tokens for the turns' marks, behind the vocabulary", () => {
    expect(encode("<|endoftext|><|im_start|><|im_end|>")).toEqual([0, 1, 2].map((i) => bpe.tokens.length + i))
  })
})

const take = () => {
  const source = batches(tokenizer, 1, 2048)
  return Array.from({ length: 10 }, () => source.next().value)
}

describe("sequences", () => {
  it("are the tokens of the whole chat as the template writes it, with a weight for each", () => {
    for (let i = 0; i < 300; i++) {
      const it = episode(8, i)
      const { ids, weights } = sequence(tokenizer, it)
      expect(ids).toEqual(encode(it.turns.map((t) => userPart(t.user) + assistantPart(t.assistant)).join("\n")))
      expect(weights).toHaveLength(ids.length)
    }
  })

  it("weigh a verdict three times, its end little, and what the user says hardly", () => {
    const judge = sequence(tokenizer, { part: "judge", turns: [{ user: "Is it so?", assistant: "yes" }] })
    expect(judge.weights.slice(-2)).toEqual([3, 0.3])
    expect(new Set(judge.weights.slice(0, -2))).toEqual(new Set([0.1]))
  })

  it("come in batches that keep to their bound, the same for a seed", () => {
    const found = take()
    for (const { sequences, tokens } of found) {
      expect(sequences.length * Math.max(...sequences.map((s) => s.ids.length))).toBeLessThanOrEqual(2048)
      expect(tokens).toBe(sequences.reduce((sum, s) => sum + s.ids.length, 0))
    }
    expect(take()).toEqual(found)
  })
})
