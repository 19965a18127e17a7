/** GSM8K (Cobbe et al. 2021): grade-school arithmetic, by generated solutions. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Benchmark } from "../benchmark/Benchmark.ts"
import { textOf } from "../benchmark/forms.ts"
import { itemsOf } from "../benchmark/items.ts"
import { headline, mean } from "../benchmark/Metric.ts"
import { lines } from "../benchmark/rows.ts"

const Doc = Schema.Struct({
  question: Schema.NonEmptyString,
  answer: Schema.String.check(
    Schema.makeFilter((answer) => (/#### \S/.test(answer) ? undefined : 'an answer that ends with "#### number"')),
  ),
})

/** The number after the first "#### "; undefined where there is none. */
export const strictMatch = (output: string): string | undefined => /#### (-?[0-9.,]+)/.exec(output)?.[1]

/** The last thing that looks like a number. */
export const flexibleExtract = (output: string): string | undefined =>
  [...output.matchAll(/-?[$0-9.,]{2,}|-?[0-9]+/g)].at(-1)?.[0]

/** What lm-evaluation-harness's exact match looks away from: commas, dollars, the solution before "#### ", a last full stop, case. */
const bare = (text: string): string =>
  text
    .replaceAll(/[,$]/g, "")
    .replace(/^.*#### /s, "")
    .replace(/\.$/, "")
    .toLowerCase()

const matches = (found: string | undefined, answer: string): 0 | 1 =>
  found !== undefined && bare(found) === bare(answer) ? 1 : 0

const stops = ["Question:", "</s>", "<|im_end|>"]

/**
 * Exact match of the number: `strict` after "#### ", `flexible` the last number of the output. An id is the line's 0-based place. The
 * prompt is lm-evaluation-harness's; with `shots` (GSM8K's train.jsonl) its first five go before every question, where the harness
 * draws five by its own random numbers. Outputs are cut at "Question:" and at ends of turn, as it does.
 */
export const gsm8k: Benchmark = {
  name: "gsm8k",
  version: 3,
  prompt: "text",
  read: (file, shots) =>
    Result.gen(function* () {
      const solved = shots === undefined ? [] : yield* lines(shots, Doc)
      const before = solved
        .slice(0, 5)
        .map(({ value: { answer, question } }) => `Question: ${question}\nAnswer: ${answer}\n\n`)
        .join("")
      return yield* itemsOf(file, Doc, ({ index, value: { answer, question } }) => ({
        id: String(index),
        expected: answer.slice(answer.indexOf("#### ") + 5),
        request: () => ({
          kind: "generate",
          context: `${before}Question: ${question}\nAnswer:`,
          until: stops,
          maxNewTokens: 256,
        }),
        values: (given) =>
          Result.map(textOf(given), (output) => {
            const ends = stops.map((stop) => output.indexOf(stop)).filter((at) => at >= 0)
            const text = output.slice(0, Math.min(output.length, ...ends))
            return { strict: matches(strictMatch(text), answer), flexible: matches(flexibleExtract(text), answer) }
          }),
      }))
    }),
  wrong: ({ strict }) => strict === 0,
  metrics: [
    headline(mean("exact_match,strict-match", true, "strict")),
    mean("exact_match,flexible-extract", true, "flexible"),
  ],
}
