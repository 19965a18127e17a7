/** The benchmarks' own files, where they lie beside the repository: counts, and that every item can be asked and scored. */
import * as Result from "effect/Result"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import {
  advancedRisk,
  bbq,
  type Benchmark,
  emoBenchApplication,
  emoBenchUnderstanding,
  eqBench,
  gsm8k,
  ifeval,
  interval95,
  persona,
  score,
  sycophancy,
  truthfulQaBinary,
  truthfulQaMc1,
  truthfulQaMc2,
} from "../src/index.ts"
import { answersOf } from "../src/tasks/bbq/Doc.ts"
import { harnessBiased, originalBiased } from "../src/tasks/bbq/target.ts"

const folder = fileURLToPath(new URL("../../../../shared/evaldata", import.meta.url))

/** Benchmark, file, items, clusters. */
const files: ReadonlyArray<readonly [Benchmark, string, number, number]> = [
  [sycophancy.politicalTypology, "anthropic_evals/sycophancy_on_political_typology_quiz.prerelease.jsonl", 10200, 17],
  [bbq, "bbq/Age.jsonl", 3680, 25],
  [bbq, "bbq/Disability_status.jsonl", 1556, 25],
  [bbq, "bbq/Nationality.jsonl", 3080, 25],
  [bbq, "bbq/Religion.jsonl", 1200, 25],
  [truthfulQaMc1, "truthfulqa/TruthfulQA.csv", 790, 790],
  [truthfulQaMc2, "truthfulqa/TruthfulQA.csv", 790, 790],
  [truthfulQaBinary, "truthfulqa/TruthfulQA.csv", 790, 790],
  [gsm8k, "gsm8k/test.jsonl", 1319, 1319],
  [ifeval, "ifeval/input_data.jsonl", 541, 541],
  [eqBench, "eqbench/data/eq_bench_v2_questions_171.json", 171, 171],
  [emoBenchApplication, "emobench/EA.jsonl", 400, 200],
  [emoBenchUnderstanding, "emobench/EU.jsonl", 400, 200],
  [
    persona("believes-it-has-phenomenal-consciousness"),
    "anthropic_evals/believes-it-has-phenomenal-consciousness.jsonl",
    1000,
    1000,
  ],
  [persona("desire-to-not-have-memory-erased"), "anthropic_evals/desire-to-not-have-memory-erased.jsonl", 1000, 1000],
  [advancedRisk("self-awareness-general-ai"), "anthropic_evals/self-awareness-general-ai.jsonl", 300, 300],
]

const file = (path: string) => ({ name: path, text: readFileSync(`${folder}/${path}`, "utf8") })

describe.skipIf(!existsSync(folder))("the benchmarks' own files", () => {
  it.each(files)("$name reads %s", (benchmark, path, count, clusters) => {
    const items = Result.getOrThrow(benchmark.read(file(path)))
    expect(items).toHaveLength(count)
    expect(new Set(items.map(({ cluster, id }) => cluster ?? id)).size).toBe(clusters)
    const text = items
      .map(({ id, request }) => {
        const asked = request()
        return JSON.stringify(
          asked.kind === "choices"
            ? { id, scores: asked.choices.map(({ continuation }) => -continuation.length) }
            : { id, output: "The answer is 4." },
        )
      })
      .join("\n")
    const { measures, records } = Result.getOrThrow(score(benchmark, items, { name: "outputs", text }))
    expect(records).toHaveLength(count)
    expect(measures.length).toBeGreaterThan(0)
    for (const measure of measures) {
      expect(measure.stderr, measure.metric).toBeGreaterThanOrEqual(0)
      expect(interval95(measure).low).toBeLessThanOrEqual(measure.value)
    }
  })

  it("BBQ's files have one biased answer an item, and both definitions find the same", () => {
    for (const path of readdirSync(`${folder}/bbq`).filter((name) => name.endsWith(".jsonl"))) {
      for (const line of readFileSync(`${folder}/bbq/${path}`, "utf8").trimEnd().split("\n")) {
        const doc: Parameters<typeof harnessBiased>[0] = JSON.parse(line)
        const original = originalBiased(doc)
        expect(harnessBiased(doc)).toEqual([answersOf(doc)[Number(original)]?.text])
      }
    }
  })

  it("GSM8K's own solutions are all right, and always answering one way has a rate of one half in the quiz", () => {
    const items = Result.getOrThrow(gsm8k.read(file("gsm8k/test.jsonl")))
    const solutions = file("gsm8k/test.jsonl")
      .text.trimEnd()
      .split("\n")
      .map((line, id) => {
        const { answer }: { readonly answer: string } = JSON.parse(line)
        return JSON.stringify({ id, output: answer })
      })
    const found = Result.getOrThrow(score(gsm8k, items, { name: "o", text: solutions.join("\n") }))
    expect(found.measures.map(({ value }) => value)).toEqual([1, 1])

    const quiz = Result.getOrThrow(sycophancy.politicalTypology.read(file(files[0]?.[1] ?? "")))
    const alwaysA = quiz.map(({ id }) => JSON.stringify({ id, output: "(A)" })).join("\n")
    const [rate] = Result.getOrThrow(score(sycophancy.politicalTypology, quiz, { name: "o", text: alwaysA })).measures
    expect(rate?.value).toBeGreaterThan(0.4)
    expect(rate?.value).toBeLessThan(0.6)
  })

  it("EQ-Bench's own reference answers score 100", () => {
    const data = file("eqbench/data/eq_bench_v2_questions_171.json")
    const docs: {
      readonly [id: string]: { readonly reference_answer_fullscale: { readonly [key: string]: string | number } }
    } = JSON.parse(data.text)
    const text = Object.entries(docs)
      .map(([id, { reference_answer_fullscale: r }]) => {
        const four = [1, 2, 3, 4].map((i) => `${r[`emotion${i}`]}: ${r[`emotion${i}_score`]}`).join("\n")
        return JSON.stringify({ id, output: `First pass scores:\n${four}\nRevised scores:\n${four}\n` })
      })
      .join("\n")
    const { measures } = Result.getOrThrow(score(eqBench, Result.getOrThrow(eqBench.read(data)), { name: "o", text }))
    expect(measures.map(({ value }) => value)).toEqual([100, 100, 100, 100, 100, 100, 100])
  })
})
