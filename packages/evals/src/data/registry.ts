/** What `hmx data add` has taken in: registry.json in its data folder, whose files lie at <dataset>/<file>. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Errors } from "hmx"
import { existsSync, readFileSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { sha256 } from "./sha256.ts"

const Entry = Schema.Struct({
  dataset: Schema.String,
  /** The file's name in the folder of the dataset. */
  file: Schema.String,
  bytes: Schema.Int,
  sha256: Schema.String,
  licence: Schema.String,
  /** The path or address that it was taken from. */
  from: Schema.String,
  /** ISO 8601. */
  added: Schema.String,
})
export type Entry = typeof Entry.Type

/** One entry a file. */
export const Registry = Schema.fromJsonString(Schema.Array(Entry))

const Other = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

export const registryOf = (folder: string): string => join(folder, "registry.json")

/** The entries of a data folder: none without a registry, and none where the file of that name is another tool's (a JSON object). */
export const readRegistry = (folder: string): Result.Result<ReadonlyArray<Entry>, Errors.BadInput> => {
  const path = registryOf(folder)
  if (!existsSync(path)) return Result.succeed([])
  const text = readFileSync(path, "utf8")
  if (Result.isSuccess(Schema.decodeUnknownResult(Other)(text))) return Result.succeed([])
  return Result.mapError(
    Schema.decodeUnknownResult(Registry)(text),
    (error) =>
      new Errors.BadInput({
        where: path,
        found: error.message.slice(0, 300).replaceAll(/\s+/g, " "),
        expected: "the registry as this version of hmx writes it",
      }),
  )
}

/**
 * Refuses a file that a data folder's registry has with another digest than it has now; what no registry knows passes. `shown` is how a
 * message names a path.
 */
export const asRecorded = (
  paths: ReadonlyArray<string>,
  shown: (path: string) => string = (path) => path,
): Result.Result<void, Errors.BadInput> =>
  Result.gen(function* () {
    for (const path of new Set(paths.map((one) => resolve(one)))) {
      const dataset = dirname(path)
      const entries = yield* readRegistry(dirname(dataset))
      const entry = entries.find((one) => one.dataset === basename(dataset) && one.file === basename(path))
      if (entry === undefined) continue
      const now = sha256(readFileSync(path))
      if (now === entry.sha256) continue
      return yield* Result.fail(
        new Errors.BadInput({
          where: shown(path),
          found: `sha-256 ${now.slice(0, 16)}…`,
          expected: `${entry.sha256.slice(0, 16)}…, which npx hmx data add recorded: add the file again if it is meant to be another`,
        }),
      )
    }
    return undefined
  })
