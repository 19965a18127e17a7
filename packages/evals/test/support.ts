import { readFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Artefact, Data, Step, type Task } from "hmx"
import { ScriptedModel, type ScriptedModelOptions } from "@hmx/testing"

/** The files of `packages/evals/data`, or the given lines in their place. */
const data = (lines: ReadonlyArray<unknown> | undefined, heldOut: ReadonlyArray<string>) =>
  Layer.succeed(Data, {
    jsonl: (file) =>
      Effect.sync(() =>
        (
          lines ??
          readFileSync(file, "utf8")
            .trimEnd()
            .split("\n")
            .map((text): unknown => JSON.parse(text))
        ).map((value, i) => ({ line: i + 1, value })),
      ),
    text: (file) =>
      lines === undefined
        ? Effect.sync(() => readFileSync(file, "utf8"))
        : Effect.succeed(lines.map((line) => JSON.stringify(line)).join("\n")),
    heldOut: Effect.succeed(
      heldOut.map(
        (content, index) => new Artefact.Prompt({ id: `q${index}`, index, messages: [{ role: "user", content }] }),
      ),
    ),
  })

const step = Layer.succeed(Step, {
  seed: 1,
  step: 3,
  steps: 5,
  policy: { base: "0", adapter: "0", step: 2 },
  by: "base",
  adapter: "policy",
})

export interface Given extends ScriptedModelOptions {
  readonly lines?: ReadonlyArray<unknown>
  readonly heldOut?: ReadonlyArray<string>
}

/** A scripted policy with the given data. */
export const layers = ({ heldOut = [], lines, ...script }: Given) =>
  Layer.mergeAll(ScriptedModel.layer(script), data(lines, heldOut), step)

/** What a task finds for a scripted policy. */
export const run = (task: Task.Task, given: Given) => task.run.pipe(Effect.provide(layers(given)))

/** Figures by metric. */
export const figures = (result: Task.Result) =>
  Object.fromEntries(result.measures.map(({ metric, n, stderr, value }) => [metric, { value, stderr, n }]))
