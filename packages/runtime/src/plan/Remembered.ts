/**
 * What a rehearsal came to, remembered from plan to plan: benchmarks have millions of tokens, and walking them takes longer than all the rest
 * of a plan. A key is made of everything that the rehearsal depends on, all code among it; the files that it has read
 * are compared by their digests. Whatever is damaged, or cannot be written, is as if it had never been remembered.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import type { Data, ModelShape, Stage } from "hmx"
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

export interface Place {
  readonly folder: string
  /** Digest of all code that is run for a plan: closed forms and tasks that have changed must not find what others came to. */
  readonly code: string
}

export interface Asked {
  /** Where it is remembered; undefined: nowhere. */
  readonly at: Place | undefined
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
  { at, locate, questions, seed, shape, stage, steps, tokenizer }: Asked,
  data: (typeof Data)["Service"],
  walk: (data: (typeof Data)["Service"]) => Effect.Effect<Found | undefined, E, R>,
): Effect.Effect<Found | undefined, E, R | FileSystem.FileSystem> =>
  Effect.gen(function* () {
    if (at === undefined || tokenizer === undefined || reads(stage).has("world")) return yield* walk(data)
    const fs = yield* FileSystem.FileSystem
    const { code, folder } = at
    const key = hash(canonical([code, ownOf(stage), shape, tokenizer, questions.heldOut, seed, steps]))
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
