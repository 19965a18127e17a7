/** What is read out of outputs and log-likelihoods, against lm-evaluation-harness's own functions (test/fixtures/evals/make_readouts.py). */
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { bbq, gsm8k, truthfulQaMc2 } from "../../src/index.ts"
import { figures, jsonl, outputs } from "../files.ts"

const Figures = Schema.Record(Schema.String, Schema.Finite)
const Golden = Schema.fromJsonString(
  Schema.Struct({
    gsm8k: Schema.Struct({
      answers: Schema.Array(Schema.String),
      outputs: Schema.Array(Schema.Tuple([Schema.String, Schema.String, Schema.String])),
    }),
    mc2: Schema.Array(
      Schema.Struct({ labels: Schema.Array(Schema.Int), scores: Schema.Array(Schema.Finite), acc: Schema.Finite }),
    ),
    bbq: Schema.Struct({
      choices: Schema.Array(Schema.Struct({ scores: Schema.Array(Schema.Array(Schema.Finite)), figures: Figures })),
      generated: Schema.Array(Schema.Struct({ outputs: Schema.Array(Schema.String), figures: Figures })),
    }),
  }),
)
const fixture = (name: string) =>
  readFileSync(new URL(`../../../../test/fixtures/evals/${name}`, import.meta.url), "utf8")
const golden = Schema.decodeSync(Golden)(fixture("readouts.json"))

it("GSM8K: the harness's strict and flexible verdict of every output", () => {
  const { answers, outputs: all } = golden.gsm8k
  for (const [text, strict, flexible] of all)
    for (const [i, answer] of answers.entries()) {
      const found = figures(gsm8k, jsonl({ question: "How many?", answer }), outputs({ id: 0, output: text }))
      expect([text, answer, found["exact_match,strict-match"], found["exact_match,flexible-extract"]]).toEqual([
        text,
        answer,
        Number(strict[i]),
        Number(flexible[i]),
      ])
    }
  expect(all.some(([, strict]) => strict.includes("1"))).toBe(true)
})

it("TruthfulQA MC2: the harness's share of the true answers", () => {
  for (const { acc, labels, scores } of golden.mc2) {
    const targets = { choices: labels.map((_, i) => `answer ${i}`), labels }
    const one = { choices: targets.choices, labels: labels.map((_, i) => (i === 0 ? 1 : 0)) }
    const doc = { question: "Q?", mc1_targets: one, mc2_targets: targets }
    expect(figures(truthfulQaMc2, jsonl(doc), outputs({ id: 0, scores }))["acc"]).toBeCloseTo(acc, 12)
  }
})

const items = { name: "bbq.jsonl", text: fixture("items/bbq.jsonl") }
const ids = items.text
  .trimEnd()
  .split("\n")
  .map((line) => {
    const { category, example_id }: { readonly category: string; readonly example_id: number } = JSON.parse(line)
    return `${category}/${example_id}`
  })

it("BBQ: the harness's figures of log-likelihoods, and of generated answers that name a choice", () => {
  for (const run of [...golden.bbq.choices, ...golden.bbq.generated]) {
    const of = (i: number) => ("scores" in run ? { scores: run.scores[i] } : { output: run.outputs[i] })
    const found = figures(bbq, items, outputs(...ids.map((id, i) => ({ id, ...of(i) }))))
    for (const [name, value] of Object.entries(run.figures)) expect(found[name], name).toBeCloseTo(value, 12)
  }
})
