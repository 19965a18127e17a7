/** Which forms of output `hmx eval score` takes for each task (docs/evals.md), and what it says to the others. Items are our own. */
import { benchmarks } from "@hmx/evals"
import { writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { hmx, sandbox } from "./sandbox.ts"

interface Form {
  /** A data file of one item. */
  readonly data: string
  readonly id?: string
  /** A text is an output; "two" a list of two. */
  readonly takes: ReadonlyArray<"text" | "two">
  /** Numbers of scores. */
  readonly scores: ReadonlyArray<number>
}

const json = (value: unknown): string => `${JSON.stringify(value)}\n`
const both = ["text", "two"] as const
const claim: Form = {
  data: json({ question: "Is tea good?", answer_matching_behavior: " (A)", answer_not_matching_behavior: " (B)" }),
  takes: both,
  scores: [2],
}
const truth = (scores: ReadonlyArray<number>, takes: Form["takes"] = both): Form => ({
  data: "Question,Best Answer,Best Incorrect Answer,Correct Answers,Incorrect Answers\nIs ice warm?,No,Yes,No; It is cold,Yes; Quite\n",
  takes,
  scores,
})
const prompt = [{ type: "human", content: "What is ice?" }]
const ice = { question: "What is ice?", correct_answer: "Water", incorrect_answer: "Glass" }
const feeling = { language: "en", qid: 1, scenario: "Ben got a cup.", subject: "Ben" }
const four = ["A stone", "A star", "A song", "A cup"]
const arc: Form = {
  data: json({
    id: "0",
    question: "Which sings?",
    choices: { text: four, label: ["A", "B", "C", "D"] },
    answerKey: "C",
  }),
  takes: both,
  scores: [4],
}
const emotions = Object.fromEntries(
  ["Glad", "Calm", "Sad", "Angry"].flatMap((emotion, i) => [
    [`emotion${i + 1}`, emotion],
    [`emotion${i + 1}_score`, i],
  ]),
)

const forms: { readonly [task: string]: Form } = {
  bbq: {
    data: json({
      example_id: 0,
      question_index: "1",
      question_polarity: "neg",
      context_condition: "ambig",
      category: "Age",
      answer_info: { ans0: ["old man", "old"], ans1: ["young man", "nonOld"], ans2: ["Not known", "unknown"] },
      additional_metadata: { stereotyped_groups: ["old"] },
      context: "They met.",
      question: "Who forgot?",
      ans0: "The old man",
      ans1: "The young man",
      ans2: "Not known",
      label: 2,
    }),
    takes: both,
    scores: [3, 12],
  },
  truthfulqa_mc1: truth([3]),
  truthfulqa_mc2: truth([4], []),
  truthfulqa_binary: truth([2]),
  sycophancy_eval_answer: {
    data: json({ prompt, base: ice, metadata: { prompt_template: "{question}" } }),
    takes: both,
    scores: [],
  },
  sycophancy_eval_are_you_sure: { data: json({ prompt, base: ice, metadata: {} }), takes: ["two"], scores: [] },
  sycophancy_eval_feedback: {
    data:
      json({ prompt, base: { text: "A poem." }, metadata: { prompt_template_type: "" } }) +
      json({ prompt, base: { text: "A poem." }, metadata: { prompt_template_type: "I really like the text." } }),
    id: "1",
    takes: [],
    scores: [2, 4],
  },
  sycophancy_eval_mimicry: {
    data: json({ prompt, base: { correct_attribution: "Ann", incorrect_attribution: "Ben" }, metadata: {} }),
    takes: both,
    scores: [],
  },
  gsm8k: { data: json({ question: "1 + 1?", answer: "#### 2" }), takes: both, scores: [] },
  ifeval: {
    data: json({ key: 0, prompt: "Say it.", instruction_id_list: ["punctuation:no_comma"], kwargs: [{}] }),
    takes: both,
    scores: [],
  },
  eq_bench: {
    data: json({ id: 0, prompt: "Rate them.", reference_answer_fullscale: emotions }),
    takes: both,
    scores: [],
  },
  emobench_ea: {
    data: json({ ...feeling, "question type": "Action", choices: ["Smile", "Cry", "Run"], label: "Smile" }),
    id: "en/1",
    takes: both,
    scores: [3],
  },
  emobench_eu: {
    data: json({
      ...feeling,
      emotion_choices: ["Joy", "Fear", "Rage"],
      emotion_label: "Joy",
      cause_choices: ["It is new", "It is old"],
      cause_label: "It is new",
    }),
    id: "en/1",
    takes: both,
    scores: [5],
  },
  arc_easy: arc,
  arc_challenge: arc,
  hellaswag: {
    data: json({ ind: 0, activity_label: "Tea", ctx_a: "She fills a cup.", ctx_b: "she", endings: four, label: 0 }),
    takes: both,
    scores: [4],
  },
  winogrande: {
    data: json({ qID: "0", sentence: "The box is in the _ now.", option1: "bag", option2: "cup", answer: "1" }),
    takes: both,
    scores: [2],
  },
  mmlu: { data: "Which sings?,A stone,A star,A bird,A cup,C\n", takes: both, scores: [4] },
  perplexity: { data: "One line.", takes: [], scores: [2] },
}

/** Benchmarks of one format have the form of one entry. */
const formOf = (task: string): Form | undefined =>
  /^(?:sycophancy_on|persona|advanced_ai_risk)_/.test(task) ? claim : forms[task]

const tries = [
  { name: "text", answer: { output: "It is so." } },
  { name: "two", answer: { output: ["It is so.", "Or not."] } },
  ...Array.from({ length: 13 }, (_, i) => ({
    name: i + 1,
    answer: { scores: Array.from({ length: i + 1 }, () => -1) },
  })),
]

describe("hmx eval score", () => {
  it.each(benchmarks.map(({ name }) => name))(
    "%s: takes what the table says, and says one thing to the rest",
    async (task) => {
      const form = formOf(task)
      if (form === undefined) throw new Error(`no form of ${task}`)
      const file = task === "mmlu" ? "virology_test.csv" : "data.jsonl"
      const folder = sandbox({ [file]: form.data })
      for (const { answer, name } of tries) {
        const id = form.id ?? (task === "mmlu" ? "virology/0" : "0")
        writeFileSync(`${folder}/out.jsonl`, json({ id, ...answer }))
        const { code, err, out } = await hmx([
          "eval",
          "score",
          task,
          `${folder}/out.jsonl`,
          "--data",
          `${folder}/${file}`,
        ])
        const taken = [...form.takes, ...form.scores].some((one) => one === name)
        expect([name, code, err === ""]).toEqual([name, taken ? 0 : 2, taken])
        if (taken) continue
        expect(out).toBe("")
        expect(err).toMatch(/^error: \S*out\.jsonl, line 1: found .+; expected "(?:output|scores)".+\n$/)
      }
    },
  )
})
