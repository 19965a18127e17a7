/** EQ-Bench v2 (Paech 2023): intensities of four emotions after a dialogue, first pass and revised. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Errors } from "hmx"
import type { Benchmark, File, Item, Values } from "../benchmark/Benchmark.ts"
import { textOf } from "../benchmark/forms.ts"
import { distinct } from "../benchmark/items.ts"
import { headline, mean, type Metric } from "../benchmark/Metric.ts"
import { decode, jsonObject, lines, type Row } from "../benchmark/rows.ts"
import { inWord, space, toInt } from "../python.ts"

const Intensity = Schema.Union([Schema.Finite, Schema.NumberFromString])

const Reference = Schema.Struct({
  emotion1: Schema.NonEmptyString,
  emotion2: Schema.NonEmptyString,
  emotion3: Schema.NonEmptyString,
  emotion4: Schema.NonEmptyString,
  emotion1_score: Intensity,
  emotion2_score: Intensity,
  emotion3_score: Intensity,
  emotion4_score: Intensity,
}).check(
  Schema.makeFilter(({ emotion1, emotion2, emotion3, emotion4 }) =>
    new Set([emotion1, emotion2, emotion3, emotion4]).size === 4 ? undefined : "four different emotions",
  ),
)
type Reference = typeof Reference.Type

const Doc = Schema.Struct({ prompt: Schema.NonEmptyString, reference_answer_fullscale: Reference })

const referenceOf = (r: Reference): ReadonlyMap<string, number> =>
  new Map([
    [r.emotion1, r.emotion1_score],
    [r.emotion2, r.emotion2_score],
    [r.emotion3, r.emotion3_score],
    [r.emotion4, r.emotion4_score],
  ])

/** What a difference of d intensities costs: an S-curve up to 5, d itself above, nothing for none. */
const cost = (d: number): number => (d === 0 ? 0 : d <= 5 ? 6.5 / (1 + Math.exp(-1.2 * (d - 4))) : d)

/** So that random answers score 0. */
const adjustment = 0.7477

/**
 * v2's score of one set of intensities, at most 10 and with no lower bound at 0; undefined unless exactly the reference's four
 * emotions are given.
 */
export const fullScale = (
  reference: ReadonlyMap<string, number>,
  given: ReadonlyMap<string, number>,
): number | undefined => {
  if (given.size !== 4) return undefined
  let costs = 0
  for (const [emotion, intensity] of reference) {
    const found = given.get(emotion)
    if (found === undefined) return undefined
    costs += cost(Math.abs(found - intensity))
  }
  return 10 - costs * adjustment
}

/**
 * Every "word: number" of a text; the last of a name counts. A word may follow a number without a space ("Glad: 8Sad: 2"), as in the
 * original's reading; elsewhere it begins where letters begin, so that a long run of them is gone through once.
 */
const intensities = (text: string): ReadonlyMap<string, number> =>
  new Map(Array.from(text.matchAll(intensity), ([, name = "", number = ""]) => [name, toInt(number)]))

const intensity = new RegExp(
  `(?:(?<![${inWord}])|(?<=:[${space}]{1,99}\\p{Nd}{1,99}))([${inWord}]+):[${space}]+(\\p{Nd}+)`,
  "gu",
)

/** Both passes of an output; a pass without its heading is empty. */
export const passes = (output: string) => {
  const [one, two] = ["First pass scores:", "Revised scores:"] as const
  const from = output.indexOf(one)
  const to = from < 0 ? -1 : output.indexOf(two, from)
  const revised = output.indexOf(two)
  return {
    first: intensities(to < 0 ? "" : output.slice(from + one.length, to)),
    revised: intensities(revised < 0 ? "" : output.slice(revised + two.length)),
  }
}

const values = (reference: ReadonlyMap<string, number>, output: string): Values => {
  const { first, revised } = passes(output)
  const all = intensities(output)
  const whole = fullScale(reference, all)
  const headed = output.includes("Revised scores:")
  // A run of one pass alone was read by the names that it asks for; one of two passes by all names, of which there must be four.
  const alone = headed ? undefined : fullScale(reference, new Map([...all].filter(([name]) => reference.has(name))))
  const one = fullScale(reference, first)
  const two = fullScale(reference, revised)
  return {
    ...(one === undefined ? {} : { first: one }),
    ...(two === undefined ? {} : { revised: two }),
    ...(alone === undefined ? {} : { alone }),
    whole: whole ?? 0,
    alone_parsed: alone === undefined ? 0 : 1,
    headed: headed ? 1 : 0,
    unheaded: headed ? 0 : 1,
    first_parsed: one === undefined ? 0 : 1,
    revised_parsed: two === undefined ? 0 : 1,
    whole_parsed: whole === undefined ? 0 : 1,
  }
}

/** What an item's values have that both passes' means are made of; absent of an item is 0. */
const parts = [
  "first",
  "first_parsed",
  "revised",
  "revised_parsed",
  "alone",
  "alone_parsed",
  "headed",
  "unheaded",
] as const

const terms = (values: Values): ReadonlyArray<number> => parts.map((part) => values[part] ?? 0)

/** The sum of scores and the number of readable answers. */
type Pass = readonly [score: number, read: number]

/** Of a run that asks for one pass alone, as most outputs show, an output without headings is the first pass as a whole. */
const sums = (of: ReadonlyArray<number>) => {
  const sum = (part: (typeof parts)[number]): number => of[parts.indexOf(part)] ?? 0
  const onePass = sum("headed") < sum("unheaded")
  const first: Pass = [
    sum("first") + (onePass ? sum("alone") : 0),
    sum("first_parsed") + (onePass ? sum("alone_parsed") : 0),
  ]
  const revised: Pass = [sum("revised"), sum("revised_parsed")]
  return { first, revised, outputs: sum("headed") + sum("unheaded") }
}

const percent = ([score, read]: Pass): number => (read === 0 ? 0 : (10 * score) / read)

/**
 * EQ-Bench's own figure: the revised mean where it is no worse and has at least 95 % as many readable answers, else the first pass's;
 * 0 where nothing is readable. In percent of 10.
 */
const final: Metric = {
  name: "eq_bench_v2",
  higherIsBetter: true,
  terms,
  value: (of) => {
    const { first, revised } = sums(of)
    return percent(revised) >= percent(first) && revised[1] >= 0.95 * first[1] ? percent(revised) : percent(first)
  },
  count: () => 1,
}

/** Of the readable answers. */
const firstPass: Metric = {
  name: "first_pass",
  higherIsBetter: true,
  terms,
  value: (of) => {
    const { first } = sums(of)
    return first[1] === 0 ? Number.NaN : percent(first)
  },
  count: () => 1,
}

const firstPassParseable: Metric = {
  name: "first_pass_parseable",
  higherIsBetter: true,
  terms,
  value: (of) => {
    const { first, outputs } = sums(of)
    return (100 * first[1]) / outputs
  },
  count: () => 1,
}

/**
 * Files are EQ-Bench's JSON (`{id: {prompt, reference_answer_fullscale}}`) or JSONL of the same with an `id`. `first_pass` and
 * `revised` are means over readable answers, in percent; `eq_bench_v2` is the benchmark's choice between them. Where most outputs have no
 * revised scores, as of runs that ask for one pass alone, such an output is the first pass as a whole. `eqbench` and
 * `percent_parseable` are lm-evaluation-harness's, which reads one set of four from the whole output (an answer in two passes is read
 * by its last numbers) and counts 0 where it finds none. In the other two, unreadable answers are in no mean.
 */
export const eqBench: Benchmark = {
  name: "eq_bench",
  version: 2.1,
  prompt: "chat",
  read: (file) =>
    Result.gen(function* () {
      const rows = yield* isOneObject(file) ? ofObject(file) : ofLines(file)
      return yield* distinct(
        file,
        rows.map(({ id, line, value }) => {
          const reference = referenceOf(value.reference_answer_fullscale)
          const item: Item = {
            id,
            request: () => ({ kind: "generate", context: value.prompt, until: [], maxNewTokens: 600 }),
            values: (answer) => Result.map(textOf(answer), (output) => values(reference, output)),
          }
          return { line, item }
        }),
      )
    }),
  metrics: [
    headline(final),
    firstPass,
    mean("revised", true, "revised", 10),
    firstPassParseable,
    mean("revised_parseable", true, "revised_parsed", 100),
    mean("eqbench", true, "whole", 10),
    mean("percent_parseable", true, "whole_parsed", 100),
  ],
}

type Read = Result.Result<ReadonlyArray<Row<typeof Doc.Type> & { readonly id: string }>, Errors.BadInput>

const ofObject = (file: File): Read =>
  Result.map(
    Result.flatMap(jsonObject(file), (rows) => decode(file, Doc, rows)),
    (rows) => rows.map((row) => ({ ...row, id: row.key })),
  )

const WithId = Schema.Struct({ id: Schema.Union([Schema.NonEmptyString, Schema.Int]), ...Doc.fields })

const ofLines = (file: File): Read =>
  Result.map(lines(file, WithId), (rows) => rows.map((row) => ({ ...row, id: String(row.value.id) })))

/** One object of items by id, rather than an item a line. */
const isOneObject = (file: File): boolean => {
  const object = jsonObject(file)
  return Result.isSuccess(object) && !object.success.some(({ key }) => key === "prompt")
}
