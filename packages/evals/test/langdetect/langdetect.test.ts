/** The languages that Python's langdetect finds, in the same texts: test/fixtures/evals/make_languages.py has how they are drawn. */
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { detectLanguage, detectLanguages } from "../../src/langdetect/index.ts"
import { profiles } from "../../src/langdetect/profiles.ts"
import { random } from "../../src/langdetect/Random.ts"

const Golden = Schema.fromJsonString(
  Schema.Struct({
    parts: Schema.Array(Schema.String),
    found: Schema.Array(Schema.NullOr(Schema.Array(Schema.Union([Schema.String, Schema.Number])))),
  }),
)
const path = new URL("../../../../test/fixtures/evals/languages.json", import.meta.url)
const { found, parts } = Schema.decodeSync(Golden)(readFileSync(path, "utf8"))
const { from, having, languages, places } = profiles()

/** Of each language its n-grams, the short ones first. */
const grams = languages.map((_, language) =>
  [...places].flatMap(([gram, i]) => (having.subarray(from[i], from[i + 1]).includes(language) ? [gram] : [])),
)

const text = (i: number): string => {
  const { below } = random(i)
  const choice = <A>(of: ReadonlyArray<A>): A => {
    const chosen = of[below(of.length)]
    if (chosen === undefined) throw new Error("nothing to choose from")
    return chosen
  }
  const several = (source: ReadonlyArray<string>, lengths: ReadonlyArray<number>) =>
    Array.from({ length: choice(lengths) }, () => choice(source)).join("")
  switch (i % 4) {
    case 0:
      return several(grams[((i - (i % 4)) / 4) % grams.length] ?? [], [2, 10, 40])
    case 1:
      return `${several(choice(grams), [5, 20])} ${several(choice(grams), [5, 20])}`
    case 2:
      return several(parts, [1, 5, 20, 50])
    default:
      return several(choice(grams), [...Array.from({ length: 9 }, () => 10), 4000]) + several(parts, [10])
  }
}

describe("langdetect", () => {
  it("finds what Python's finds in 2,000 texts, with its probabilities", () => {
    expect(found).toHaveLength(2000)
    for (const [i, wanted] of found.entries()) {
      const got = detectLanguages(text(i))?.flatMap(({ language, probability }) => [
        language,
        Number(probability.toFixed(9)),
      ])
      expect([i, got ?? null]).toEqual([
        i,
        wanted?.map((one) => (typeof one === "number" ? expect.closeTo(one, 8) : one)) ?? null,
      ])
    }
  })

  it("has every language and tells them apart in texts of some length", () => {
    expect(languages).toHaveLength(55)
    expect(new Set(found.flatMap((one) => one?.[0] ?? []))).toEqual(new Set(languages))
  })

  it("draws as CPython does, another seed otherwise", () => {
    // python -c "import random; r = random.Random(0); print([r.gauss(0, 1) for _ in range(3)], r.choice(range(1000)))"
    const { below, gauss } = random(0)
    expect([gauss(), gauss(), gauss()]).toEqual(
      [0.9417154046806644, -1.3965781047011498, -0.6797144480784211].map((value) => expect.closeTo(value, 14)),
    )
    expect(below(1000)).toBe(523)
    expect(random(2 ** 32 - 1).below(2 ** 31)).toBe(872737089)
    const short = "no la"
    const seen = new Set(Array.from({ length: 20 }, (_, seed) => detectLanguages(short, seed)?.[0]?.language))
    expect(seen.size).toBeGreaterThan(1)
  })

  it.each([undefined, "", " ", "12 + 3", "...", "😀"])(
    "finds nothing to tell %j by",
    (text = "https://example.org/the") => {
      expect(detectLanguage(text)).toBeUndefined()
    },
  )

  it.each([
    ["en", "It is what we have and you know that"],
    ["fr", "Je ne sais pas ce que c'est, mais il est dans la maison"],
    ["es", "El perro y la casa están en el campo, pero no lo veo"],
    ["pt", "O cão não está em casa, mas você pode ver as flores"],
    ["it", "Il cane è nella casa e non vuole uscire con me"],
    ["vi", "Tôi không biết những gì bạn nói"],
    ["sw", "Mimi na wewe ni watu wa nchi ya Kenya"],
    ["fi", "Hän ei ole täällä, mutta se on hyvä ja minä olen"],
    ["ru", "Я не знаю, что это такое, но мы все здесь"],
    ["bg", "Това е къщата на баща ми и той не е в нея"],
    ["ar", "هذا هو البيت الذي كان في المدينة"],
    ["fa", "این خانه است که در آن زندگی می کنم"],
    ["ur", "یہ گھر ہے اور میں اس میں رہتا ہوں"],
    ["hi", "यह घर है और मैं इस में रहता हूँ"],
    ["mr", "हे घर आहे आणि मी त्या मध्ये राहतो"],
    ["ne", "यो घर हो र म यसमा बस्छु छ"],
    ["bn", "এটা আমার বাড়ি"],
    ["kn", "ಇದು ನನ್ನ ಮನೆ"],
    ["ta", "இது என் வீடு"],
    ["te", "ఇది నా ఇల్లు"],
    ["gu", "આ મારું ઘર છે"],
    ["pa", "ਇਹ ਮੇਰਾ ਘਰ ਹੈ"],
    ["th", "นี่คือบ้านของฉัน"],
    ["ko", "이것은 나의 집입니다"],
    ["ja", "これは私の家です"],
    ["zh-cn", "这是我的家"],
  ])("knows %s", (language, text) => {
    expect(detectLanguage(text)).toBe(language)
  })
})
