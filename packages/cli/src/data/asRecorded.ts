/** Files that `hmx data add` has taken in are used as they were recorded, or not at all. */
import * as Effect from "effect/Effect"
import { Errors } from "hmx"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { shown } from "../paths.ts"
import * as Registry from "./Registry.ts"

/** Refuses a file whose digest is recorded and is another by now; files of which nothing is recorded pass. */
export const asRecorded = Effect.fnUntraced(function* (paths: ReadonlyArray<string>) {
  const entries = yield* Registry.read
  const digests = new Map(entries.map((entry) => [resolve(Registry.fileOf(entry)), entry.sha256]))
  for (const path of new Set(paths.map((one) => resolve(one)))) {
    const recorded = digests.get(path)
    if (recorded === undefined) continue
    const now = Registry.digest(readFileSync(path))
    if (now === recorded) continue
    return yield* new Errors.BadInput({
      where: shown(path),
      found: `sha-256 ${now.slice(0, 16)}…`,
      expected: `${recorded.slice(0, 16)}…, which npx hmx data add recorded: add the file again if it is meant to be another`,
    })
  }
  return undefined
})
