/** The flags of `eval` and `data`. Each is read by the command beside it. */
import * as Flag from "effect/cli/Flag"
import { asJson, optional, text, toggle, whole } from "../flagKinds.ts"

const data = text(
  "data",
  "path",
  "Folder of the benchmarks' files, or one benchmark's file (default: what hmx data has, then the hub's cache)",
)
const layout = optional(
  Flag.Literals("export", ["lm-eval", "inspect", "csv"]).pipe(
    Flag.withDescription(
      "Write the results in the layout of lm-evaluation-harness, of Inspect, or as CSV, into export/",
    ),
  ),
)

/** What `eval` asks of whom. */
export const evaluated = {
  tasks: Flag.String("tasks").pipe(
    Flag.withMetavar("names"),
    Flag.withDescription("Benchmarks or groups of them, with commas between"),
  ),
  adapter: text("adapter", "folder", "A run's folder, or an adapter in PEFT's format"),
  limit: optional(
    whole("limit", 1).pipe(
      Flag.withDescription("The first n items of each benchmark, as lm-evaluation-harness takes them (default: all)"),
    ),
  ),
  sample: optional(
    whole("sample", 1).pipe(
      Flag.withDescription("n items from the whole of each benchmark, the same ones each time (default: all)"),
    ),
  ),
  data,
  prompts: text(
    "prompts",
    "file",
    "Of the tasks held_out and text_quality: JSONL of prompts, of which the held-out ones are asked",
  ),
  rubric: text(
    "rubric",
    "file#export",
    "Of the task held_out: what answers are read by; the model without an adapter is the judge",
  ),
  answerTokens: whole("answer-tokens", 1).pipe(
    Flag.withDescription("Of held_out and text_quality: tokens of an answer at most (default: 128)"),
    Flag.withDefault(128),
  ),
  out: text("out", "folder", "Folder of the evaluation, new or begun before (default: evals/<model>-<number>)"),
  seed: optional(whole("seed", 0).pipe(Flag.withDescription("Keys the random numbers (default: 0)"))),
  prompt: optional(
    Flag.Literals("prompt", ["text", "chat"]).pipe(
      Flag.withDescription("Plain text, or turns of a chat (default: each benchmark's own)"),
    ),
  ),
  zeroShot: toggle("zero-shot", "Show no solved examples, where there are any"),
  json: asJson("Print the results as one JSON value, and no progress"),
  export: layout,
}

/** Which records `eval show` prints. */
export const records = {
  task: text("task", "name", "The items of this task (default: figures)"),
  wrong: toggle("wrong", "Items that were answered wrong, alone"),
  limit: whole("limit", 1).pipe(Flag.withDescription("Items at most (default: 20)"), Flag.withDefault(20)),
  step: optional(
    whole("step", 0).pipe(Flag.withDescription("Of a training run: after so many steps (default: the last measured)")),
  ),
  json: asJson("Print JSON: the figures as one value, items one a line"),
  export: layout,
}

/** What `eval compare` sets against each other. */
export const compared = {
  before: text(
    "before",
    "folder",
    "Evaluation of the model before training (default: that of an arm before its first step)",
  ),
  csv: toggle("csv", "Print CSV"),
}

/** What `eval score` reads. */
export const scored = {
  data,
  limit: optional(whole("limit", 1).pipe(Flag.withDescription("The first n items (default: all)"))),
  missing: optional(
    Flag.Literals("missing", ["empty"]).pipe(
      Flag.withDescription("Take an item without an output for one that is empty, and count it (default: refused)"),
    ),
  ),
  records: text("records", "file", "Write what each item was scored as into this file, new, as JSONL"),
  json: asJson("Print the figures as one JSON value"),
}

/** Whose data `data` looks at, and what it records. */
export const listed = {
  data: text("data", "folder", "Folder of the benchmarks' files (default: what hmx data has, then the hub's cache)"),
  json: asJson("Print one JSON value"),
}
export const verified = {
  data: text(
    "data",
    "folder",
    "Files of this folder against published digests (default: added ones against recorded digests)",
  ),
}
export const added = {
  licence: text("licence", "name", "Licence to record (default: the publisher's)"),
  sha256: text("sha256", "hex", "Digest that the file must have"),
}
