/** The two forms of an answer, taken or refused: a failure says what the line of a file of outputs should have. */
import * as Result from "effect/Result"
import type { Answer } from "./Benchmark.ts"

/** Of a benchmark that reads its figures out of a text. */
export const textOf = (answer: Answer): Result.Result<string, string> =>
  answer.kind === "text"
    ? Result.succeed(answer.text)
    : Result.fail(`"output", the answer's text: of scores nothing of this benchmark can be read`)

/** Of a benchmark that takes so many log-likelihoods; `what` says of what. */
export const scoresOf = (
  answer: Answer,
  count: number,
  what = "one a choice",
): Result.Result<ReadonlyArray<number>, string> =>
  answer.kind === "scores" && answer.scores.length === count
    ? Result.succeed(answer.scores)
    : Result.fail(`"scores" of ${count} numbers, ${what}`)
