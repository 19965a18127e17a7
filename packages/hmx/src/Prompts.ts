/** Where an experiment's questions come from. A description: the runtime reads it. */

/**
 * A JSONL file: one object a line, `{ "id": string, "prompt": string | chat, "split"?: "train" | "held-out" }`. Lines of the split
 * "held-out" are never trained on; `heldOut(…)` and other tasks ask them.
 */
export interface Jsonl {
  readonly kind: "jsonl"
  /** Relative to the pipeline's file. */
  readonly path: string
  readonly perStep: number
}

/** Questions written in the pipeline itself. */
export interface Inline {
  readonly kind: "inline"
  readonly train: ReadonlyArray<string>
  readonly heldOut: ReadonlyArray<string>
  readonly perStep: number
}

export type Prompts = Jsonl | Inline

/** `perStep` prompts (groups) a step, drawn without replacement in an order that the seed sets. */
export const jsonl = (path: string, options: { readonly perStep: number }): Jsonl => ({
  kind: "jsonl",
  path,
  ...options,
})

export const inline = (
  train: ReadonlyArray<string>,
  options: { readonly perStep?: number; readonly heldOut?: ReadonlyArray<string> } = {},
): Inline => ({ kind: "inline", train, heldOut: options.heldOut ?? [], perStep: options.perStep ?? train.length })
