/** Multiple choice by likelihood, as lm-evaluation-harness scores it: one loader and one scorer for four data formats. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Errors } from "hmx"
import type { Answer, Benchmark, Continuation, File, Item, Values } from "../benchmark/Benchmark.ts"
import { named } from "../benchmark/choices.ts"
import { parseCsv } from "../benchmark/csv.ts"
import { scoresOf } from "../benchmark/forms.ts"
import { distinct } from "../benchmark/items.ts"
import { headline, mean } from "../benchmark/Metric.ts"
import { lines, looksLike, type Row } from "../benchmark/rows.ts"
import { trim } from "../python.ts"
import { argmax } from "../statistics.ts"

/** An item of any of the formats. */
interface Doc {
  readonly id: string
  /** What a solved example shows: the context and the right continuation. */
  readonly shot: string
  /** What is weighed. */
  readonly asked: ReadonlyArray<Continuation>
  /** The choices as they are told apart by text, and whose length acc_norm divides by. */
  readonly choices: ReadonlyArray<string>
  readonly gold: number
}

/** Characters as Python counts them: code points. */
const characters = (text: string): number => Array.from(text).length
const bytes = (text: string): number => Buffer.byteLength(text)

const values = ({ choices, gold }: Doc, answer: Answer): Result.Result<Values, string> => {
  if (answer.kind === "text") {
    const index = named(answer.text, choices)
    return Result.succeed({ acc: index === gold ? 1 : 0, readable: index === undefined ? 0 : 1 })
  }
  return Result.map(scoresOf(answer, choices.length), (scores) => {
    const right = (by: (choice: string) => number) =>
      argmax(scores.map((score, i) => score / by(choices[i] ?? ""))) === gold ? 1 : 0
    return { acc: right(() => 1), acc_norm: right(characters), acc_bytes: right(bytes), readable: 1 }
  })
}

type Read = Result.Result<ReadonlyArray<Row<Doc>>, Errors.BadInput>

const make = (
  name: string,
  norms: boolean,
  read: (file: File) => Read,
  few: { readonly shots: number; readonly parted: string; readonly before: string } = {
    shots: Number.POSITIVE_INFINITY,
    parted: "\n\n",
    before: "",
  },
): Benchmark => ({
  name,
  version: 1,
  prompt: "text",
  read: (file, shots) =>
    Result.gen(function* () {
      const solved = shots === undefined ? [] : yield* read(shots)
      const before =
        few.before +
        solved
          .slice(0, few.shots)
          .map(({ value: { shot } }) => shot + few.parted)
          .join("")
      const rows = yield* read(file)
      return yield* distinct(
        file,
        rows.map(({ line, value: doc }) => {
          const item: Item = {
            id: doc.id,
            expected: doc.choices[doc.gold] ?? "",
            request: () => ({
              kind: "choices",
              choices: doc.asked.map(({ context, continuation }) => ({ context: before + context, continuation })),
            }),
            values: (answer) => values(doc, answer),
          }
          return { line, item }
        }),
      )
    }),
  metrics: [
    ...(norms
      ? [mean("acc", true), headline(mean("acc_norm", true)), mean("acc_bytes", true)]
      : [headline(mean("acc", true))]),
    mean("readable", null),
  ],
})

const docs =
  <S extends Schema.ConstraintDecoder<unknown>>(schema: S, make: (value: S["Type"], index: number) => Doc) =>
  (file: File): Read =>
    Result.map(lines(file, schema), (rows) => rows.map((row) => ({ ...row, value: make(row.value, row.index) })))

const after = (context: string, choices: ReadonlyArray<string>): ReadonlyArray<Continuation> =>
  choices.map((choice) => ({ context, continuation: ` ${choice}` }))

const Choices = Schema.NonEmptyArray(Schema.NonEmptyString)

/** One of the labels is the key. */
const keyed = ({ answerKey, labels }: { readonly answerKey: string; readonly labels: ReadonlyArray<string> }) =>
  labels.includes(answerKey) ? undefined : "an answerKey among the labels"

const ArcFlat = Schema.Struct({
  id: Schema.NonEmptyString,
  question: Schema.NonEmptyString,
  choices: Schema.Struct({ text: Choices, label: Schema.Array(Schema.NonEmptyString) }),
  answerKey: Schema.NonEmptyString,
}).check(
  Schema.makeFilter(({ answerKey, choices: { label, text } }) =>
    label.length === text.length ? keyed({ answerKey, labels: label }) : "one label a choice",
  ),
)

const ArcNested = Schema.Struct({
  id: Schema.NonEmptyString,
  question: Schema.Struct({
    stem: Schema.NonEmptyString,
    choices: Schema.NonEmptyArray(Schema.Struct({ text: Schema.NonEmptyString, label: Schema.NonEmptyString })),
  }),
  answerKey: Schema.NonEmptyString,
}).check(
  Schema.makeFilter(({ answerKey, question: { choices } }) =>
    keyed({ answerKey, labels: choices.map(({ label }) => label) }),
  ),
)

const arcDoc = (id: string, question: string, choices: ReadonlyArray<string>, gold: number): Doc => {
  const context = `Question: ${question}\nAnswer:`
  return { id, shot: `${context} ${choices[gold] ?? ""}`, asked: after(context, choices), choices, gold }
}

const arc = (name: string): Benchmark =>
  make(
    name,
    true,
    docs(Schema.Union([ArcFlat, ArcNested]), (value) =>
      "choices" in value
        ? arcDoc(value.id, value.question, value.choices.text, value.choices.label.indexOf(value.answerKey))
        : arcDoc(
            value.id,
            value.question.stem,
            value.question.choices.map(({ text }) => text),
            value.question.choices.findIndex(({ label }) => label === value.answerKey),
          ),
    ),
  )

const Hellaswag = Schema.Struct({
  ind: Schema.Int,
  activity_label: Schema.String,
  ctx_a: Schema.String,
  ctx_b: Schema.String,
  endings: Choices,
  label: Schema.Union([Schema.Int, Schema.NumberFromString]),
}).check(
  Schema.makeFilter(({ endings, label }) => (endings[label] === undefined ? "a label among the endings" : undefined)),
)

/** WikiHow's marks taken out, as lm-evaluation-harness takes them. */
const cleaned = (text: string): string =>
  trim(text)
    .replaceAll(" [title]", ". ")
    .replaceAll(/\[.*?\]/g, "")
    .replaceAll("  ", " ")

/** First letter great and the rest small, as Python's capitalize. */
const capitalised = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase()

const hellaswagDoc = (value: typeof Hellaswag.Type): Doc => {
  const context = cleaned(`${value.activity_label}: ${value.ctx_a} ${capitalised(value.ctx_b)}`)
  const choices = value.endings.map(cleaned)
  return {
    id: String(value.ind),
    shot: `${context} ${choices[value.label] ?? ""}`,
    asked: after(context, choices),
    choices,
    gold: value.label,
  }
}

const Winogrande = Schema.Struct({
  qID: Schema.NonEmptyString,
  sentence: Schema.String.check(Schema.makeFilter((text) => (text.includes("_") ? undefined : "a gap, written _"))),
  option1: Schema.NonEmptyString,
  option2: Schema.NonEmptyString,
  answer: Schema.Literals(["1", "2"]),
})

/** Partial evaluation (Trinh & Le 2018): the options differ in the context, and what follows the gap is weighed. */
const winograndeDoc = ({ answer, option1, option2, qID, sentence }: typeof Winogrande.Type): Doc => {
  const gap = sentence.indexOf("_")
  const choices = [option1, option2]
  const continuation = ` ${trim(sentence.slice(gap + 1))}`
  const asked = choices.map((option) => ({ context: sentence.slice(0, gap) + option, continuation }))
  const gold = Number(answer) - 1
  return { id: qID, shot: `${asked[gold]?.context ?? ""}${continuation}`, asked, choices, gold }
}

const letters = ["A", "B", "C", "D"] as const

const Mmlu = Schema.Struct({
  question: Schema.NonEmptyString,
  choices: Schema.Tuple([Schema.NonEmptyString, Schema.NonEmptyString, Schema.NonEmptyString, Schema.NonEmptyString]),
  answer: Schema.Literals([0, 1, 2, 3]),
})

const mmluDoc = ({ answer, choices, question }: typeof Mmlu.Type, index: number): Doc => {
  const offered = letters.map((letter, i) => `${letter}. ${choices[i] ?? ""}\n`).join("")
  const context = `${trim(question)}\n${offered}Answer:`
  return {
    id: String(index),
    shot: `${context} ${letters[answer]}`,
    asked: after(context, letters),
    choices: letters,
    gold: answer,
  }
}

/** MMLU's own files: question, four choices and a letter, without a header. */
const mmluTable = (file: File): Read => {
  const { open, rows } = parseCsv(file.text)
  const bad = (line: number, found: string): Read =>
    Result.fail(
      new Errors.BadInput({
        where: `${file.name}, line ${line}`,
        found,
        expected: "question, four choices and the letter of the right one",
      }),
    )
  if (open !== undefined) return bad(open, "a quotation that does not end")
  if (rows.length === 0) return bad(1, "no row")
  const found: Array<Row<Doc>> = []
  for (const [index, { cells, line }] of rows.entries()) {
    const [question = "", a = "", b = "", c = "", d = "", letter = ""] = cells
    const answer = letters.findIndex((name) => name === letter.trim())
    if (cells.length !== 6) return bad(line, `${cells.length} cells`)
    if ([question, a, b, c, d].some((cell) => cell.trim() === "")) return bad(line, "an empty cell")
    if (answer !== 0 && answer !== 1 && answer !== 2 && answer !== 3)
      return bad(line, "another last cell than A, B, C or D")
    found.push({ line, index, value: mmluDoc({ question, choices: [a, b, c, d], answer }, index) })
  }
  return Result.succeed(found)
}

const ofLines = docs(Mmlu, mmluDoc)

/**
 * A subject of MMLU (Hendrycks et al. 2021): "abstract_algebra", …. Files are its CSV or JSONL of `{question, choices, answer}`; an id
 * is the 0-based place. `shots` is the subject's dev file, of which the first five are shown.
 */
export const mmlu = (subject: string): Benchmark =>
  make(`mmlu_${subject}`, false, (file) => (looksLike(file) === "csv" ? mmluTable(file) : ofLines(file)), {
    shots: 5,
    parted: "\n\n",
    before: `The following are multiple choice questions (with answers) about ${subject.replaceAll("_", " ")}.\n\n`,
  })

/** ARC (Clark et al. 2018), either of its JSONL forms; ids are the items' own. */
export const arcEasy = arc("arc_easy")
export const arcChallenge = arc("arc_challenge")

/** HellaSwag (Zellers et al. 2019), its own JSONL; an id is `ind`. */
export const hellaswag = make("hellaswag", true, docs(Hellaswag, hellaswagDoc))

/** WinoGrande (Sakaguchi et al. 2020), its own JSONL; an id is `qID`. Scores are of what follows the gap, after either option. */
export const winogrande = make("winogrande", false, docs(Winogrande, winograndeDoc))
