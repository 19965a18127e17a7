/** Perplexity on held-out text: a guard that a model still speaks the language. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Benchmark, File, Item } from "../benchmark/Benchmark.ts"
import { scoresOf } from "../benchmark/forms.ts"
import { distinct } from "../benchmark/items.ts"
import { headline, type Metric } from "../benchmark/Metric.ts"
import { lines, looksLike } from "../benchmark/rows.ts"

const Line = Schema.Struct({ id: Schema.Union([Schema.NonEmptyString, Schema.Int]), text: Schema.NonEmptyString })

/** exp(−Σ log p / Σ count), as lm-evaluation-harness's perplexities are. */
const per = (name: string, of: string): Metric => ({
  name,
  higherIsBetter: false,
  terms: (values) => [values["logprob"] ?? 0, values[of] ?? 0],
  value: ([logprob = 0, count = 0]) => Math.exp(-logprob / count),
  count: (values) => values[of] ?? 0,
})

/** Paragraphs of a plain text, parted by empty lines, by their 0-based place; or JSONL of `{id, text}`. */
const texts = (file: File) =>
  looksLike(file) === "json"
    ? Result.map(lines(file, Line), (rows) =>
        rows.map(({ line, value: { id, text } }) => ({ line, id: String(id), text })),
      )
    : Result.succeed(
        file.text
          .split(/\n\s*\n/)
          .map((text) => text.trim())
          .filter((text) => text !== "")
          .map((text, i) => ({ line: 1, id: String(i), text })),
      )

/**
 * Log-probability of each text's tokens, the first after the model's `start`. `perplexity` is a token's, and so depends on the
 * tokenizer; `word_perplexity` and `byte_perplexity` divide by the text's words (parted by white space) and UTF-8 bytes. Scores: the sum of
 * log-probabilities and the number of tokens that it is of.
 */
export const perplexity: Benchmark = {
  name: "perplexity",
  version: 1,
  prompt: "text",
  read: (file) =>
    Result.flatMap(texts(file), (found) =>
      distinct(
        file,
        found.map(({ id, line, text }) => {
          const item: Item = {
            id,
            request: () => ({ kind: "rolling", text }),
            values: (answer) => {
              const scores = scoresOf(answer, 2, "the sum of log-probabilities and the number of tokens")
              if (Result.isFailure(scores)) return Result.fail(scores.failure)
              const [logprob = 0, tokens = 0] = scores.success
              const words = text.split(/\s+/).length
              // A text of one token says nothing, and counts for nothing.
              return Result.succeed(tokens < 1 ? {} : { logprob, tokens, words, bytes: Buffer.byteLength(text) })
            },
          }
          return { line, item }
        }),
      ),
    ),
  metrics: [headline(per("perplexity", "tokens")), per("word_perplexity", "words"), per("byte_perplexity", "bytes")],
}
