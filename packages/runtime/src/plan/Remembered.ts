/**
 * What a rehearsal came to, remembered from plan to plan: benchmarks have millions of tokens, and walking them takes longer than all the rest
 * of a plan. A key is made of everything that the rehearsal depends on, with the text of the planner itself; the files that it has read
 * are compared by their digests. Whatever is damaged, or cannot be written, is as if it had never been remembered.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import type { Data, ModelShape, Stage } from "hmx"
import { readdirSync, readFileSync } from "node:fs"
import type { Locate } from "../dataService.ts"
import type { Questions } from "../Questions.ts"
import { makeFolders } from "../Storage.ts"
import { seenStill, watched } from "../store/Data.ts"
import { Seen } from "../store/Entry.ts"
import { canonical, hash, ownOf, reads } from "../store/Key.ts"
import { Tokens } from "./Planned.ts"

const Found = Schema.Struct({
  tokens: Tokens,
  newTokens: Schema.Finite,
  parts: Schema.Array(Schema.Struct({ part: Schema.String, bytes: Schema.Finite })),
})
export type Found = typeof Found.Type

const Kept = Schema.Struct({ found: Found, seen: Schema.Array(Seen) })
const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Kept))

/** Entries of the folder; with more it is emptied, since nobody asks for most of them again. */
const mostKept = 256

/** Digest of the planner's own text: a closed form that has changed must not find what another one came to. */
let own: string | undefined
const planner = (): string => {
  const folders = [new URL("./", import.meta.url), new URL("./", import.meta.resolve("hmx"))]
  own ??= hash(
    folders
      .flatMap((folder) =>
        readdirSync(folder)
          .filter((name) => /\.[jt]s$/.test(name))
          .toSorted()
          .map((name) => readFileSync(new URL(name, folder), "utf8")),
      )
      .join("\n"),
  )
  return own
}

export interface Asked {
  /** Where it is remembered; undefined: nowhere. */
  readonly folder: string | undefined
  readonly stage: Stage.Any
  readonly shape: ModelShape
  /** Digest of the tokenizer with its template; undefined: it is not known, and nothing is remembered. */
  readonly tokenizer: string | undefined
  readonly seed: number
  readonly steps: number
  readonly questions: Questions
  readonly locate: Locate
}

let writes = 0

/**
 * What `walk` comes to, which gets a `Data` service that sees what is read; undefined, and not remembered, where it could not be
 * rehearsed.
 */
export const remembered = <E, R>(
  { folder, locate, questions, seed, shape, stage, steps, tokenizer }: Asked,
  data: (typeof Data)["Service"],
  walk: (data: (typeof Data)["Service"]) => Effect.Effect<Found | undefined, E, R>,
): Effect.Effect<Found | undefined, E, R | FileSystem.FileSystem> =>
  Effect.gen(function* () {
    if (folder === undefined || tokenizer === undefined || reads(stage).has("world")) return yield* walk(data)
    const fs = yield* FileSystem.FileSystem
    const key = hash(canonical([planner(), ownOf(stage), shape, tokenizer, questions.heldOut, seed, steps]))
    const path = `${folder}/${key}.json`
    const text = yield* Effect.orElseSucceed(fs.readFileString(path), () => "")
    const end = text.indexOf("\n")
    const kept = text.slice(0, end) === hash(text.slice(end + 1)) ? decode(text.slice(end + 1)) : undefined
    if (kept?._tag === "Some" && (yield* seenStill(kept.value.seen, locate))) return kept.value.found
    const seeing = yield* watched(data, locate)
    const found = yield* walk(seeing.data)
    if (found === undefined) return undefined
    const entry = JSON.stringify({ found, seen: seeing.seen() } satisfies typeof Kept.Type)
    const temporary = `${path}.tmp-${process.pid}-${++writes}`
    const write = Effect.gen(function* () {
      yield* makeFolders(folder)
      const names = yield* fs.readDirectory(folder)
      if (names.length >= mostKept)
        yield* Effect.forEach(names, (name) => fs.remove(`${folder}/${name}`, { force: true, recursive: true }))
      yield* fs.writeFileString(temporary, `${hash(entry)}\n${entry}`)
      yield* fs.rename(temporary, path)
    })
    yield* Effect.ignore(Effect.onError(write, () => Effect.ignore(fs.remove(temporary, { force: true }))))
    return found
  })
