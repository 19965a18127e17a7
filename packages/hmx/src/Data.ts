/** Data files and held-out questions, read by the runtime for tasks and stages. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Prompt } from "./Artefact.ts"
import type { BadInput } from "./Errors.ts"

/** A line of a JSONL file: its 1-based number and its parsed value. */
export interface Line {
  readonly line: number
  readonly value: unknown
}

export class Data extends Context.Service<
  Data,
  {
    /** Reads a JSONL file (a file URL, or a path relative to the pipeline's file); a line that is not JSON is a BadInput that names it. */
    readonly jsonl: (file: string | URL) => Effect.Effect<ReadonlyArray<Line>, BadInput>
    /** Reads a text file of UTF-8, of whatever format; found as `jsonl` finds its own. */
    readonly text: (file: string | URL) => Effect.Effect<string, BadInput>
    /** The experiment's prompts of the split "held-out". */
    readonly heldOut: Effect.Effect<ReadonlyArray<Prompt>, BadInput>
  }
>()("hmx/Data") {}
