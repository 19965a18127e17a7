/** Which run a folder is, and which experiment an arm: what workers compare before they touch either. */
import { check, Memory, type Loadable, type Locate } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { Errors, type Experiment } from "hmx"
import { createHash } from "node:crypto"

/** What workers.json says: the run's name in the database. */
const Given = Schema.Struct({ format: Schema.Literal(1), id: Schema.String, database: Schema.String })
export type Given = typeof Given.Type

const file = (folder: string): string => `${folder}/workers.json`

const unreadable = (path: string, found: string) =>
  new Errors.BadInput({ where: path, found, expected: "the file that `hmx run FILE --workers URL` writes" })

/** Undefined where the run was never given to workers. */
export const readGiven = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = file(folder)
  if (!(yield* Effect.orElseSucceed(fs.exists(path), () => false))) return undefined
  const text = yield* Effect.mapError(fs.readFileString(path), ({ message }) => unreadable(path, message))
  return yield* Effect.mapError(Schema.decodeUnknownEffect(Schema.fromJsonString(Given))(text), () =>
    unreadable(path, "something else"),
  )
})

export const writeGiven = Effect.fnUntraced(function* (folder: string, given: Given) {
  const fs = yield* FileSystem.FileSystem
  const path = file(folder)
  const temporary = `${path}.tmp-${process.pid}`
  yield* fs.writeFileString(temporary, `${JSON.stringify(given, null, 2)}\n`).pipe(
    Effect.andThen(fs.rename(temporary, path)),
    Effect.mapError(({ message }) => new Errors.StorageFailed({ path, what: "write", reason: message })),
  )
})

/** One digest of an experiment, its prompts and its code. Checks on the way all that can be known before a weight is read. */
export const digestOf = Effect.fnUntraced(function* <E>(
  experiment: Experiment.Any,
  model: Loadable<E>,
  locate: Locate,
) {
  const { identity, memory } = yield* check(experiment, model, locate)
  yield* Memory.fit(memory)
  const code = Object.entries(identity.tripwires).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const all = createHash("sha256")
    .update(JSON.stringify([identity.digest, code]))
    .digest("hex")
    .slice(0, 16)
  return { all, identity }
})
