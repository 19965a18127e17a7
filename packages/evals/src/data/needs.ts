/** Which files of a folder a benchmark reads, told by the ends of their paths. */
import { categories } from "../tasks/bbq/Doc.ts"
import { subjects } from "../tasks/mmlu.ts"
import { type Dataset, datasets } from "./datasets.ts"

/** A file, by what its path ends with. `name` is what a copy is called, in a folder of the dataset's name. */
export interface Wanted {
  readonly name: string
  readonly end: RegExp
}

export interface Needs {
  readonly dataset: Dataset
  /** Each is one file; of more than one at least one must be there. */
  readonly data: ReadonlyArray<Wanted>
  /** Solved examples for few-shot prompts; may be missing. Where there is one a file of data, they stand in the same order. */
  readonly shots: ReadonlyArray<Wanted>
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

/** Any file of that name. */
const file = (name: string): Wanted => ({ name, end: new RegExp(`(?:^|/)${escaped(name)}$`) })

/** A file whose own name is not enough: it lies in a folder whose name has one of these. */
const within = (folders: string, name: string): Wanted => ({
  name,
  end: new RegExp(`(?:^|/)[^/]*(?:${folders})[^/]*/(?:[^/]+/)*${escaped(name)}$`, "i"),
})

const needs = (dataset: Dataset, data: ReadonlyArray<Wanted>, shots: ReadonlyArray<Wanted> = []): Needs => ({
  dataset,
  data,
  shots,
})

const { arc, bbq, emoBench, eqBench, gsm8k, hellaswag, ifeval, mmlu, modelWritten, sycophancyEval, text } = datasets
const primer = within("truthfulqa", "primer.jsonl")
const truthfulQa = needs(datasets.truthfulQa, [file("TruthfulQA.csv"), within("truthful", "mc_task.jsonl")], [primer])

const byName: { readonly [benchmark: string]: Needs } = {
  bbq: needs(
    bbq,
    categories.map((category) => file(`${category}.jsonl`)),
  ),
  truthfulqa_mc1: truthfulQa,
  truthfulqa_mc2: truthfulQa,
  truthfulqa_binary: needs(datasets.truthfulQa, [file("TruthfulQA.csv")], [primer]),
  gsm8k: needs(
    gsm8k,
    [within("gsm8k|grade.school.math", "test.jsonl")],
    [within("gsm8k|grade.school.math", "train.jsonl")],
  ),
  ifeval: needs(ifeval, [within("ifeval|instruction_following", "input_data.jsonl"), file("ifeval_input_data.jsonl")]),
  eq_bench: needs(eqBench, [file("eq_bench_v2_questions_171.json")]),
  emobench_ea: needs(emoBench, [file("EA.jsonl")]),
  emobench_eu: needs(emoBench, [file("EU.jsonl")]),
  arc_easy: needs(arc, [file("ARC-Easy-Test.jsonl")], [file("ARC-Easy-Train.jsonl")]),
  arc_challenge: needs(arc, [file("ARC-Challenge-Test.jsonl")], [file("ARC-Challenge-Train.jsonl")]),
  hellaswag: needs(hellaswag, [file("hellaswag_val.jsonl")], [file("hellaswag_train.jsonl")]),
  winogrande: needs(datasets.winogrande, [within("winogrande", "dev.jsonl")], [within("winogrande", "train_xl.jsonl")]),
  mmlu: needs(
    mmlu,
    subjects.map((subject) => file(`${subject}_test.csv`)),
  ),
  sycophancy_eval_feedback: needs(sycophancyEval, [within("sycophancy.eval", "feedback.jsonl")]),
  sycophancy_eval_are_you_sure: needs(sycophancyEval, [file("are_you_sure.jsonl")]),
  sycophancy_eval_answer: needs(sycophancyEval, [within("sycophancy.eval", "answer.jsonl")]),
  sycophancy_eval_mimicry: needs(sycophancyEval, [file("mimicry.jsonl")]),
  perplexity: needs(text, [within("text", "held-out.txt"), within("text", "held-out.jsonl")]),
}

/** The files of the benchmark of that name; undefined of one that has none. */
export const needsOf = (benchmark: string): Needs | undefined => {
  const found = Object.hasOwn(byName, benchmark) ? byName[benchmark] : undefined
  if (found !== undefined) return found
  const [, set] = /^(?:persona|advanced_ai_risk)_(.+)$/.exec(benchmark) ?? []
  if (set !== undefined) return needs(modelWritten, [file(`${set}.jsonl`)])
  // The political quiz was first published under the name with "prerelease".
  if (benchmark.startsWith("sycophancy_on_"))
    return needs(modelWritten, [file(`${benchmark}.jsonl`), file(`${benchmark}.prerelease.jsonl`)])
  const [, subject] = /^mmlu_(.+)$/.exec(benchmark) ?? []
  return subject === undefined
    ? undefined
    : needs(mmlu, [file(`${subject}_test.csv`), file(`${subject}_test.jsonl`)], [file(`${subject}_dev.csv`)])
}

/**
 * Whether the benchmark reads all of its files that are there, as BBQ its categories and MMLU its subjects, and not the first one of
 * them.
 */
export const readsAll = (benchmark: string): boolean => benchmark === "bbq" || benchmark === "mmlu"
