/**
 * The folder of an evaluation: eval.json (what is asked of what), records/<task>.jsonl (each item as it is done), results.json (the
 * figures, once all is done).
 */
import { RunFolder, writeFile } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Artefact, Errors } from "hmx"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

const File = Schema.Struct({ name: Schema.String, bytes: Schema.Int, sha256: Schema.String })

/** What is evaluated: two evaluations of the same identity give the same records. */
export const Identity = Schema.Struct({
  format: Schema.Literal(1),
  model: Schema.Struct({ name: Schema.String, digest: Schema.String }),
  adapter: Schema.NullOr(Schema.Struct({ path: Schema.String, digest: Schema.String })),
  engine: RunFolder.Record.fields.engine,
  seed: Schema.Int,
  limit: Schema.NullOr(Schema.Int),
  sample: Schema.NullOr(Schema.Int),
  tasks: Schema.Array(
    Schema.Struct({
      task: Schema.String,
      version: Schema.Finite,
      prompt: Schema.Literals(["text", "chat"]),
      data: Schema.Array(File),
      shots: Schema.NullOr(File),
      /** Of a task on prompts of the user's own: digest of what it asks and how it reads answers. */
      asks: Schema.optionalKey(Schema.String),
    }),
  ),
  /** Benchmarks of a group that had no data. */
  skipped: Schema.Array(Schema.Struct({ task: Schema.String, reason: Schema.String })),
})
export type Identity = typeof Identity.Type

/** A figure with its normal 95 % interval. */
export const Figure = Schema.Struct({ ...Artefact.Measure.fields, low: Schema.Finite, high: Schema.Finite })
export type Figure = typeof Figure.Type

export const Results = Schema.Struct({
  ...Identity.fields,
  /** Milliseconds since 1970. */
  started: Schema.Finite,
  seconds: Schema.Finite,
  items: Schema.Array(Schema.Struct({ task: Schema.String, items: Schema.Int, tooLong: Schema.Int })),
  measures: Schema.Array(Figure),
})
export type Results = typeof Results.Type

export const records = (folder: string): string => join(folder, "records")

const read = <A, I>(path: string, schema: Schema.Codec<A, I>) =>
  existsSync(path)
    ? Effect.mapError(
        Schema.decodeUnknownEffect(Schema.fromJsonString(schema))(readFileSync(path, "utf8")),
        (error) =>
          new Errors.BadInput({
            where: path,
            found: error.message.slice(0, 300).replaceAll(/\s+/g, " "),
            expected: "a file of an evaluation as this version of hmx writes it",
          }),
      )
    : Effect.succeed(undefined)

/** Undefined where the folder is none of an evaluation. */
export const readIdentity = (folder: string) => read(join(folder, "eval.json"), Identity)
/** Undefined while not all is done. */
export const readResults = (folder: string) => read(join(folder, "results.json"), Results)

const text = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
export const writeIdentity = (folder: string, identity: Identity) =>
  writeFile(join(folder, "eval.json"), text(identity))
export const writeResults = (folder: string, results: Results) => writeFile(join(folder, "results.json"), text(results))

/** What differs between two evaluations that matters for their figures; undefined where nothing does. */
export const difference = (before: Identity, now: Identity): string | undefined => {
  const parts: ReadonlyArray<readonly [string, (of: Identity) => unknown]> = [
    ["the model", ({ model }) => model.digest],
    ["the adapter", ({ adapter }) => adapter?.digest],
    ["the engine", ({ engine: { device, dtype, name } }) => [name, device, dtype]],
    ["--limit", ({ limit }) => limit],
    ["--sample", ({ sample }) => sample],
    ["--seed", ({ seed }) => seed],
    ["the tasks", ({ tasks }) => tasks.map(({ task, version }) => [task, version])],
    ["the prompts", ({ tasks }) => tasks.map(({ prompt }) => prompt)],
    ["the rubric or the answers' length", ({ tasks }) => tasks.map(({ asks }) => asks)],
    ["the data", ({ tasks }) => tasks.map(({ data, shots }) => [data.map(({ sha256 }) => sha256), shots?.sha256])],
  ]
  return parts.find(([, of]) => JSON.stringify(of(before)) !== JSON.stringify(of(now)))?.[0]
}
