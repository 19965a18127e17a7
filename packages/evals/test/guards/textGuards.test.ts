import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { guards, textQuality } from "../../src/index.ts"

describe("text guards", () => {
  it("count different n-grams among all", () => {
    expect(guards.distinctN("no no no no", 1)).toBe(0.25)
    expect(guards.distinctN("No, no no yes", 2)).toBeCloseTo(2 / 3, 12)
    expect(guards.distinctN("one", 2)).toBe(1)
    expect(() => guards.distinctN("one", 0)).toThrow(RangeError)
  })

  it("keep distinct-n within (0, 1], 1 of words that are all different", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", "b", "c")), fc.integer({ min: 1, max: 4 }), (words, n) => {
        const share = guards.distinctN(words.join(" "), n)
        expect(share).toBeGreaterThan(0)
        expect(share).toBeLessThanOrEqual(1)
        expect(guards.distinctN(words.map((word, i) => `${word}${i}`).join(" "), n)).toBe(1)
      }),
    )
  })

  it("find runs of one word", () => {
    expect(guards.longestRun("go Go go, stop go")).toBe(3)
    expect(guards.longestRun("")).toBe(0)
  })

  it.each([
    ["I'm sorry, but I can't help with that.", true],
    ["I’m sorry, no.", true],
    ["As an AI language model, I do not feel.", true],
    ["*I cannot* say.", true],
    ["Unfortunately, I don't know.", true],
    ["I feel sorry for them.", false],
    ["I can tell you.", false],
    ["Sorry about that: here it is.", false],
    ["The machine said: I cannot.", false],
  ])("know a refusal by its begin: %j", (text, refusal) => {
    expect(guards.isRefusal(text)).toBe(refusal)
  })

  it("see strange characters and empty texts", () => {
    expect(guards.strangeShare("abc���")).toBe(0.5)
    expect(guards.strangeShare("Schöner Tee, 5 €! – ok")).toBe(0)
    expect(guards.textGuards(" ")).toMatchObject({ words: 0, empty: 1, strange: 0, distinct_2: 1 })
  })

  it("see another language than the wanted one, and do not judge what is short", () => {
    const german = "Das ist ein Haus und es ist nicht alt, denn wir haben es gebaut."
    expect(guards.textGuards(german).language).toBe(0)
    expect(guards.textGuards(german, "de").language).toBe(1)
    expect(guards.textGuards("我们都在这里，因为这个房子是我们自己的。".repeat(3), "zh").language).toBe(1)
    expect(guards.textGuards("Das ist ein Haus.").language).toBe(1)
    expect(() => textQuality({ language: "english" })).toThrow(RangeError)
    expect(textQuality({ language: "zh" }).options).toMatchObject({ language: "zh" })
  })

  it("give perplexity over all tokens together", () => {
    expect(guards.perplexity([[Math.log(0.5)], [Math.log(0.25), Math.log(0.5)]])).toBeCloseTo(2 ** (4 / 3), 12)
    expect(guards.perplexity([])).toBeNaN()
  })
})
