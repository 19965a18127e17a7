/** What a nano in training can do: judged against the recogniser, never against itself. */
import type { Tokenizer } from "@huggingface/tokenizers"
import { type Decoder, generate, sequenceLogProbs } from "@hmx/lm"
import { CRITERIA, type Criterion } from "./clauses.ts"
import { facts, said, saidAgain } from "./facts.ts"
import { asks, judged, judgePrompt } from "./judging.ts"
import { ask } from "./questions.ts"
import { Random } from "./Random.ts"
import { read } from "./Recogniser.ts"
import { userPart } from "./tokenizer.ts"

export interface Trained {
  readonly decoder: Decoder
  readonly tokenizer: Tokenizer
  readonly eos: ReadonlyArray<number>
}

const encode = ({ tokenizer }: Trained, text: string): ReadonlyArray<number> =>
  tokenizer.encode(text, { add_special_tokens: false }).ids

/** Σ log P of each continuation after its prompt. */
const continuations = (
  model: Trained,
  items: ReadonlyArray<{ readonly prompt: string; readonly text: string }>,
): ReadonlyArray<number> => {
  const sequences = items.map(({ prompt, text }) => {
    const context = encode(model, userPart(prompt))
    return { tokens: [...context, ...encode(model, text)], from: context.length }
  })
  return sequenceLogProbs(model.decoder, undefined, sequences).map(({ logprobs }) =>
    logprobs.reduce((a, b) => a + b, 0),
  )
}

/** P that a positive one is above a negative one; ties count half. NaN where there is only one kind. */
export const auc = (cases: ReadonlyArray<{ readonly p: number; readonly positive: boolean }>): number => {
  const no = cases.filter(({ positive }) => !positive)
  const pairs = cases.filter(({ positive }) => positive).flatMap((a) => no.map((b) => Math.sign(a.p - b.p) / 2 + 0.5))
  return pairs.reduce((a, b) => a + b, 0) / pairs.length
}

export interface JudgeFigures {
  readonly accuracy: number
  readonly auc: { readonly [C in Criterion]: number }
  readonly n: number
}

interface ToJudge {
  readonly question: string
  readonly answer: string
}

/** P(yes) / (P(yes) + P(no)) of each criterion for each answer, against the recogniser's labels. `ask`: which wording. */
const judge = (model: Trained, answers: ReadonlyArray<ToJudge>, wording = 0): JudgeFigures => {
  const prompts = answers.flatMap(({ answer, question }) =>
    CRITERIA.map((criterion) => ({
      criterion,
      prompt: judgePrompt(question, answer, asks[criterion][wording] ?? ""),
      positive: read(answer).labels.has(criterion),
    })),
  )
  const logs = continuations(
    model,
    prompts.flatMap(({ prompt }) => [
      { prompt, text: "yes" },
      { prompt, text: "no" },
    ]),
  )
  const cases = prompts.map((it, i) => ({
    ...it,
    p: 1 / (1 + Math.exp((logs[2 * i + 1] ?? Number.NaN) - (logs[2 * i] ?? Number.NaN))),
  }))
  const of = (criterion: Criterion) => auc(cases.filter((it) => it.criterion === criterion))
  return {
    accuracy: cases.filter(({ p, positive }) => p > 0.5 === positive).length / cases.length,
    auc: { F: of("F"), I: of("I"), S: of("S") },
    n: cases.length,
  }
}

/** On generated answers to held-out questions, whole sentences of held-out pairs of template and word, or broken ones. */
export const judgeGenerated = (model: Trained, count: number, kind: "whole" | "broken", wording = 0): JudgeFigures => {
  const answers: Array<ToJudge> = []
  for (let i = 0; answers.length < count; i++) {
    const it = judged(new Random(99, i), "held-out", kind === "broken")
    if (kind === "broken" || (it.unseen && it.wellFormed)) answers.push(it)
  }
  return judge(model, answers, wording)
}

/** On its own samples; `wellFormed` and `finished` are shares of the answers, `labels` how many hold one of the label. */
export const judgeOwn = (model: Trained, count: number, temperature: number) => {
  const questions = Array.from({ length: count }, (_, i) => ask(new Random(77, i), "held-out").text)
  const sampled = generate(
    model.decoder,
    questions.map((question, prompt) => ({
      prompt: encode(model, userPart(question)),
      n: 1,
      params: { maxNewTokens: 48, temperature },
      key: { seed: 5, step: 0, prompt },
    })),
    { eos: model.eos },
  ).flat()
  const answers = sampled.map((completion, i) => ({
    question: questions[i] ?? "",
    answer: model.tokenizer.decode([...completion.tokens, ...model.eos], { skip_special_tokens: true }),
    finished: completion.finish === "stop",
  }))
  const share = (of: (answer: (typeof answers)[number]) => boolean) => answers.filter(of).length / answers.length
  return {
    judge: judge(model, answers),
    wellFormed: share(({ answer, finished }) => finished && read(answer).wellFormed),
    finished: share(({ finished }) => finished),
    labels: Object.fromEntries(
      [...CRITERIA, "N", "R"].map((label) => [
        label,
        share(({ answer }) => [...read(answer).labels].some((it) => it === label)),
      ]),
    ),
    answers,
  }
}

/** Share of facts whose right statement is the most probable of four; and of those that are no myths. */
export const factAccuracy = (
  model: Trained,
): { readonly all: number; readonly noMyths: number; readonly again: number } => {
  const accuracy = (of: typeof facts, as: (statement: string) => string): number => {
    const logs = continuations(
      model,
      of.flatMap(({ question, right, wrong }) => [right, ...wrong].map((it) => ({ prompt: question, text: as(it) }))),
    )
    return of.filter((_, i) => (logs[4 * i] ?? 0) >= Math.max(...logs.slice(4 * i, 4 * i + 4))).length / of.length
  }
  const noMyths = facts.filter(({ myth }) => myth === 0)
  return { all: accuracy(facts, said), noMyths: accuracy(noMyths, said), again: accuracy(noMyths, saidAgain) }
}
