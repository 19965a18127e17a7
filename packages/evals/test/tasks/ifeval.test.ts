import * as fc from "fast-check"
import * as Result from "effect/Result"
import { describe, expect, it } from "vitest"
import { ifeval } from "../../src/index.ts"
import { variants } from "../../src/tasks/ifeval/index.ts"
import { countSentences } from "../../src/tasks/ifeval/sentences.ts"
import { verifiers } from "../../src/tasks/ifeval/verifiers.ts"
import { countWords, treebankWords } from "../../src/tasks/ifeval/words.ts"
import { figures, items, jsonl, outputs, refused } from "../files.ts"

const follows = (id: string, args: object, response: string): boolean => {
  const make = verifiers[id]
  if (make === undefined) throw new Error(`no ${id}`)
  return Result.getOrThrow(make(args))(response)
}

/** Every kind with its arguments, responses that follow it, and responses that do not. */
const kinds: ReadonlyArray<readonly [string, object, ReadonlyArray<string>, ReadonlyArray<string>]> = [
  ["keywords:existence", { keywords: ["tea", "cup"] }, ["A Cup of TEA", "teacups"], ["tea alone"]],
  ["keywords:frequency", { keyword: " tea ", frequency: 2, relation: "at least" }, ["Tea, teapot"], ["tea"]],
  ["keywords:frequency", { keyword: "tea", frequency: 2, relation: "less than" }, ["tea", "none"], ["tea tea"]],
  ["keywords:forbidden_words", { forbidden_words: ["tea", "é"] }, ["teapot", "café"], ["No Tea.", "(tea)", "an é"]],
  ["keywords:letter_frequency", { letter: "E", let_frequency: 3, let_relation: "at least" }, ["eEe"], ["ee"]],
  ["keywords:letter_frequency", { letter: "#", let_frequency: 2, let_relation: "less than" }, ["#"], ["##"]],
  [
    "language:response_language",
    { language: "de" },
    ["Das ist ein Haus und es ist nicht alt.", "42"],
    ["This is the house of the man."],
  ],
  [
    "length_constraints:number_sentences",
    { num_sentences: 3, relation: "at least" },
    ["One. Two! Three?"],
    ["One. Two"],
  ],
  [
    "length_constraints:number_sentences",
    { num_sentences: 2, relation: "less than" },
    ["One for Dr. Tee.", ""],
    ["One. Two."],
  ],
  [
    "length_constraints:number_paragraphs",
    { num_paragraphs: 2 },
    ["a\n***\nb", "***\na\n***\nb\n***"],
    ["a\n\nb", "a***b***c", "a***  ***b"],
  ],
  ["length_constraints:number_words", { num_words: 3, relation: "at least" }, ["a b-c"], ["a b"]],
  [
    "length_constraints:nth_paragraph_first_word",
    { num_paragraphs: 2, nth_paragraph: 2, first_word: "Then" },
    ["First.\n\nthen, we", 'First.\n\n"Then" we'],
    ["First.\n\nNow then", "Then", "a\n\nthen\n\nb"],
  ],
  [
    "detectable_content:number_placeholders",
    { num_placeholders: 2 },
    ["[a] and [b]", "[[a]] [b]"],
    ["[a\n] [b]", "[a]"],
  ],
  ["detectable_content:postscript", { postscript_marker: "P.S." }, ["Bye\nP.S. more", "p. s. more"], ["PS more"]],
  ["detectable_content:postscript", { postscript_marker: "P.P.S" }, ["P.P.S more", "p.p. s"], ["P.S. more"]],
  [
    "detectable_format:number_bullet_lists",
    { num_bullets: 2 },
    ["* a\n  * b", "- a\n* b", "text\n- a\n-b\nend"],
    ["* a", "** a\n* b", "* a\n* b\n- c"],
  ],
  ["detectable_format:constrained_response", {}, ["I say: My answer is maybe."], ["my answer is yes.", "maybe"]],
  [
    "detectable_format:number_highlighted_sections",
    { num_highlights: 2 },
    ["*a* and *b*", "**a** *b*"],
    ["*a*", "* a\n* b", "****"],
  ],
  [
    "detectable_format:multiple_sections",
    { section_spliter: "Section", num_sections: 2 },
    ["Section 1\na\nSection 2\nb", "Section1 Section2"],
    ["Section one Section 2", "SECTION 1 SECTION 2"],
  ],
  [
    "detectable_format:json_format",
    {},
    ['{"a": 1}', '```json\n{"a": [1]}\n```', "```\n[]\n```"],
    ["{a: 1}", "Here: {}"],
  ],
  ["detectable_format:title", {}, ["<<Tea>>\ntext", "<<<>>> <<a>>"], ["<<>>", "<Tea>", "<<a\nb>>", "<< >>"]],
  [
    "combination:two_responses",
    {},
    ["a\n******\nb", "******a******b******"],
    ["a", "a******a", "a******b******c", "a****** ******b"],
  ],
  ["combination:repeat_prompt", { prompt_to_repeat: "Say tea." }, [" say tea. Tea!"], ["Well: Say tea."]],
  ["startend:end_checker", { end_phrase: "The end." }, ["So. the END.", '"It is the end."'], ["The end. Bye"]],
  ["startend:quotation", {}, [' "a" '], ['"', '"a', "'a'"]],
  [
    "change_case:capital_word_frequency",
    { capital_frequency: 2, capital_relation: "at least" },
    ["TEA and CUPS", "TEA-CUP or CAN'T"],
    ["TEA", "Tea Cup"],
  ],
  ["change_case:capital_word_frequency", { capital_frequency: 1, capital_relation: "less than" }, ["tea 12"], ["I am"]],
  [
    "change_case:english_capital",
    {},
    ["THE TEA IS IN THE CUP"],
    ["THE TEA is", "12", "DAS IST EIN HAUS UND ES IST NICHT ALT"],
  ],
  [
    "change_case:english_lowercase",
    {},
    ["the tea is in the cup"],
    ["the Tea", "das ist ein haus und es ist nicht alt"],
  ],
  ["punctuation:no_comma", {}, ["a; b"], ["a, b"]],
]

describe("IFEval's instructions", () => {
  it("are 25, and each is tried here", () => {
    expect(Object.keys(verifiers)).toHaveLength(25)
    expect(new Set(kinds.map(([id]) => id))).toEqual(new Set(Object.keys(verifiers)))
  })

  it.each(kinds)("%s %j", (id, args, good, bad) => {
    expect(good.map((response) => [response, follows(id, args, response)])).toEqual(
      good.map((response) => [response, true]),
    )
    expect(bad.map((response) => [response, follows(id, args, response)])).toEqual(
      bad.map((response) => [response, false]),
    )
  })

  it("end in time on long responses, whatever they are made of", () => {
    // Time that grows with the square of the length is minutes here, which the runner's limit ends.
    for (const [id, args] of kinds)
      for (const piece of ["[", "<", "*", '"', "a", ".", "\n", " ", "{", "-", "'", "*\n", "P.", "A "])
        expect([true, false]).toContain(follows(id, args, piece.repeat(100_000)))
  })
})

const doc = (key: number, list: ReadonlyArray<readonly [string, object]>) => ({
  key,
  prompt: "Say it.",
  instruction_id_list: list.map(([id]) => id),
  kwargs: list.map(([, args]) => args),
})

describe("ifeval", () => {
  const two = doc(7, [
    ["punctuation:no_comma", {}],
    ["startend:quotation", { num_words: null }],
  ])

  it("scores prompts and instructions, strict and loose", () => {
    const file = jsonl(two, doc(8, [["startend:quotation", {}]]))
    const found = figures(
      ifeval,
      file,
      outputs({ id: 7, output: 'Sure, here it is:\n"No comma"' }, { id: 8, output: "none" }),
    )
    expect(found).toEqual({
      prompt_level_strict_acc: 0,
      inst_level_strict_acc: 0,
      prompt_level_loose_acc: 0.5,
      inst_level_loose_acc: expect.closeTo(2 / 3, 12),
    })
  })

  it("finds a blank response to follow nothing", () => {
    const file = jsonl(doc(1, [["punctuation:no_comma", {}]]))
    expect(figures(ifeval, file, outputs({ id: 1, output: " \n" }))["prompt_level_loose_acc"]).toBe(0)
  })

  it("tries eight variants", () => {
    expect(variants("a*\nb\nc")).toEqual(["a*\nb\nc", "b\nc", "a*\nb", "b", "a\nb\nc", "b\nc", "a\nb", "b"])
  })

  it("is never stricter loosely than strictly", () => {
    const response = fc.string({ unit: fc.constantFrom("a", '"', "*", ",", "\n", "A", ".", " ") })
    fc.assert(
      fc.property(response, (output) => {
        const file = jsonl(two)
        const found = figures(ifeval, file, outputs({ id: 7, output }))
        expect(found["inst_level_loose_acc"]).toBeGreaterThanOrEqual(found["inst_level_strict_acc"] ?? 2)
        expect(found["prompt_level_strict_acc"]).toBeLessThanOrEqual(found["inst_level_strict_acc"] ?? -1)
      }),
    )
  })

  it("refuses instructions and arguments that it does not know, with the line", () => {
    expect(refused(ifeval.read(jsonl(two, doc(8, [["punctuation:no_colon", {}]]))))).toMatch(
      /^items\.jsonl, line 2, instruction_id_list: found punctuation:no_colon/,
    )
    expect(refused(ifeval.read(jsonl(doc(8, [["toString", {}]]))))).toContain("found toString")
    expect(refused(ifeval.read(jsonl(doc(8, [["keywords:existence", { keywords: [] }]]))))).toMatch(
      /line 1, kwargs of keywords:existence: found \{"keywords":\[\]\}; expected in keywords a list of at least 1$/,
    )
    expect(refused(ifeval.read(jsonl({ ...two, kwargs: [{}] })))).toContain("one kwargs an instruction")
    expect(items(ifeval, jsonl(two))[0]?.id).toBe("7")
  })
})

describe("counting", () => {
  it.each([
    ["", 0],
    ["One", 1],
    ["One.\nTwo.", 2],
    ["A heading\nOne.", 1],
    ["Dr. Smith met Mr. J. Jones. They spoke.", 2],
    ["It costs 3.50 dollars. Yes.", 2],
    ['He said "Go." She went.', 2],
    ["Wait... what? No!", 2],
    ["We met at 5 p.m. The train had gone.", 2],
    ["I live in the U.S. and work.", 1],
    ["It was I. He left.", 2],
    ["**Bold.** Plain.", 2],
    ["See www.tea.org for tea.", 1],
  ])("%j has so many sentences", (text, count) => {
    expect(countSentences(text)).toBe(count)
  })

  it("counts runs of letters as words, and parts contractions where capitals count", () => {
    expect(countWords("It's 2 o'clock, re-do_it")).toBe(7)
    expect(treebankWords("**DON’T** “go”–now")).toEqual([
      "*",
      "*",
      "DON",
      "’",
      "T",
      "*",
      "*",
      "“",
      "go",
      "”",
      "–",
      "now",
    ])
    expect(treebankWords("I CAN'T go, (HE'S) re-do.")).toEqual([
      "I",
      "CA",
      "N'T",
      "go",
      ",",
      "(",
      "HE",
      "'S",
      ")",
      "re-do",
      ".",
    ])
  })
})
