/** A benchmark is a value: how its data file is read, what a model is asked, and how an answer is scored. */
import type * as Result from "effect/Result"
import type { Errors } from "hmx"
import type { Metric } from "./Metric.ts"

/** A data file, already read. `name` is what messages call it. */
export interface File {
  readonly name: string
  readonly text: string
}

/** A continuation that is weighed after a context. */
export interface Continuation {
  readonly context: string
  readonly continuation: string
}

/**
 * What a model is asked. "choices" reads log-likelihoods, one a continuation, and generates nothing; "generate" takes greedy text up
 * to the first of `until`, or to `maxNewTokens`.
 */
export type Request =
  | { readonly kind: "choices"; readonly choices: ReadonlyArray<Continuation> }
  | {
      readonly kind: "generate"
      readonly context: string
      readonly until: ReadonlyArray<string>
      readonly maxNewTokens: number
    }

/** What came back: the sums of log-probabilities in the request's order, or a text. */
export type Answer =
  | { readonly kind: "scores"; readonly scores: ReadonlyArray<number> }
  | { readonly kind: "text"; readonly text: string }

/** Figures of one item by name. A name that is absent does not count for this item. */
export type Values = { readonly [name: string]: number }

/** One item of a data file. */
export interface Item {
  readonly id: string
  /** Items of one template are not independent: standard errors and bootstraps take their clusters whole. Absent: the item alone. */
  readonly cluster?: string
  readonly request: () => Request
  /** Figures of an answer. A failure says what was expected of the answer; an answer that is merely wrong is no failure. */
  readonly values: (answer: Answer) => Result.Result<Values, string>
}

export interface Benchmark {
  /** As in lm-evaluation-harness, where it has the task. */
  readonly name: string
  /** Of lm-evaluation-harness's task, where it has it; else ours. */
  readonly version: number
  /** Whether requests are plain text, as lm-evaluation-harness sends them, or turns of a chat. */
  readonly prompt: "text" | "chat"
  /**
   * Reads a data file of the benchmark's own format. `shots` is a file of solved examples for few-shot prompts, where the benchmark
   * takes them. A file of another format is BadInput with its line and field.
   */
  readonly read: (data: File, shots?: File) => Result.Result<ReadonlyArray<Item>, Errors.BadInput>
  readonly metrics: ReadonlyArray<Metric>
}
