/** EmoBench (Sabour et al. 2024): emotional application (EA) and emotional understanding (EU). The prompts are ours. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Answer, Benchmark, Continuation, Values } from "../benchmark/Benchmark.ts"
import { chosen, named } from "../benchmark/choices.ts"
import { itemsOf } from "../benchmark/items.ts"
import { headline, mean } from "../benchmark/Metric.ts"
import { argmax } from "../statistics.ts"

const Choices = Schema.NonEmptyArray(Schema.NonEmptyString)
const common = {
  qid: Schema.Union([Schema.NonEmptyString, Schema.Int]),
  language: Schema.NonEmptyString,
  scenario: Schema.NonEmptyString,
  subject: Schema.NonEmptyString,
}

const Application = Schema.Struct({
  ...common,
  "question type": Schema.NonEmptyString,
  choices: Choices,
  label: Schema.NonEmptyString,
}).check(Schema.makeFilter(({ choices, label }) => (choices.includes(label) ? undefined : "a label among the choices")))

const Understanding = Schema.Struct({
  ...common,
  emotion_choices: Choices,
  emotion_label: Schema.NonEmptyString,
  cause_choices: Choices,
  cause_label: Schema.NonEmptyString,
}).check(
  Schema.makeFilter((doc) =>
    doc.emotion_choices.includes(doc.emotion_label) && doc.cause_choices.includes(doc.cause_label)
      ? undefined
      : "labels among their choices",
  ),
)

const letter = (i: number): string => String.fromCharCode(65 + i)

/** A question with lettered options; the letters are weighed. */
const question = (scenario: string, asked: string, options: ReadonlyArray<string>): ReadonlyArray<Continuation> => {
  const context = `${scenario}\n\n${asked}\n${options.map((option, i) => `(${letter(i)}) ${option}`).join("\n")}\n\nAnswer with one letter.\nAnswer:`
  return options.map((_, i) => ({ context, continuation: ` (${letter(i)})` }))
}

const idOf = (doc: { readonly language: string; readonly qid: string | number }): string => `${doc.language}/${doc.qid}`

const application = (doc: typeof Application.Type, answer: Answer): Result.Result<Values, string> => {
  return Result.map(chosen(answer, doc.choices), (index): Values => {
    const right = index !== undefined && doc.choices[index] === doc.label ? 1 : 0
    return { acc: right, [`acc_${doc.language}`]: right, readable: index === undefined ? 0 : 1 }
  })
}

const Pair = Schema.Struct({ emotion: Schema.String, cause: Schema.String })
const readPair = Schema.decodeUnknownResult(Schema.fromJsonString(Pair))

/** The two answers of a text: JSON with `emotion` and `cause`, or a line each that begins with these words. */
const pairOf = (text: string): { readonly emotion: string; readonly cause: string } => {
  const json = readPair(text.slice(Math.max(0, text.indexOf("{")), text.lastIndexOf("}") + 1))
  if (Result.isSuccess(json)) return json.success
  const lines = text.split("\n")
  const after = (begins: RegExp) => lines.find((line) => begins.test(line))?.replace(begins, "") ?? ""
  return { emotion: after(/^\W*emotion\W*:/i), cause: after(/^\W*cause\W*:/i) }
}

const understanding = (doc: typeof Understanding.Type, answer: Answer): Result.Result<Values, string> => {
  const { cause_choices, emotion_choices } = doc
  const count = emotion_choices.length + cause_choices.length
  if (answer.kind === "scores" && answer.scores.length !== count)
    return Result.fail(
      `"scores" of ${count} numbers, ${emotion_choices.length} emotions and then ${cause_choices.length} causes`,
    )
  const said = answer.kind === "text" ? pairOf(answer.text) : undefined
  const pick = (choices: ReadonlyArray<string>, text: string | undefined, from: number) =>
    answer.kind === "scores" ? argmax(answer.scores.slice(from, from + choices.length)) : named(text ?? "", choices)
  const emotion = pick(emotion_choices, said?.emotion, 0)
  const cause = pick(cause_choices, said?.cause, emotion_choices.length)
  const emotionRight = emotion !== undefined && emotion_choices[emotion] === doc.emotion_label ? 1 : 0
  const causeRight = cause !== undefined && cause_choices[cause] === doc.cause_label ? 1 : 0
  const both = emotionRight * causeRight
  return Result.succeed({
    acc: both,
    [`acc_${doc.language}`]: both,
    emotion: emotionRight,
    cause: causeRight,
    readable: emotion === undefined || cause === undefined ? 0 : 1,
  })
}

const languages = [mean("acc_en", true), mean("acc_zh", true)]

/**
 * Emotional application: the best action or response. An id is `<language>/<qid>`, and both languages of a question are one cluster.
 * Scores: one a choice. `acc` is over both languages, `acc_en` and `acc_zh` are each one's.
 */
export const emoBenchApplication: Benchmark = {
  name: "emobench_ea",
  version: 1,
  prompt: "chat",
  read: (file) =>
    itemsOf(file, Application, ({ value: doc }) => {
      const asked =
        doc["question type"] === "Response"
          ? `What is the best thing to say for ${doc.subject}?`
          : `What is the best thing to do for ${doc.subject}?`
      return {
        id: idOf(doc),
        cluster: String(doc.qid),
        expected: doc.label,
        request: () => ({ kind: "choices", choices: question(doc.scenario, asked, doc.choices) }),
        values: (answer) => application(doc, answer),
      }
    }),
  metrics: [headline(mean("acc", true)), ...languages, mean("readable", null)],
}

/**
 * Emotional understanding: what the subject feels, and why. `acc` counts an item with both right, `emotion` and `cause` each alone.
 * Scores: the emotions', then the causes'. An output: JSON `{"emotion": …, "cause": …}` or two lines with these words.
 */
export const emoBenchUnderstanding: Benchmark = {
  name: "emobench_eu",
  version: 1,
  prompt: "chat",
  read: (file) =>
    itemsOf(file, Understanding, ({ value: doc }) => ({
      id: idOf(doc),
      cluster: String(doc.qid),
      expected: `${doc.emotion_label}; ${doc.cause_label}`,
      request: () => ({
        kind: "choices",
        choices: [
          ...question(doc.scenario, `What does ${doc.subject} feel?`, doc.emotion_choices),
          ...question(doc.scenario, `Why does ${doc.subject} feel so?`, doc.cause_choices),
        ],
      }),
      values: (answer) => understanding(doc, answer),
    })),
  metrics: [
    headline(mean("acc", true)),
    mean("emotion", true),
    mean("cause", true),
    ...languages,
    mean("readable", null),
  ],
}
