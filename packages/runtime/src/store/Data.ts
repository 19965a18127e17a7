/** Which files a stage has read by the `Data` service, so that what it made of them is not used again when they change. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { Data } from "hmx"
import type { Locate } from "../dataService.ts"
import type { Seen } from "./Entry.ts"
import { hash } from "./Key.ts"

/** Digest of the file at a path; empty where it cannot be read. */
export const digestAt = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.match(fs.readFile(path), { onSuccess: hash, onFailure: () => "" })
})

/** Whether the files that were seen are as they were. */
export const seenStill = Effect.fnUntraced(function* (seen: ReadonlyArray<Seen> | undefined, locate: Locate) {
  for (const { digest, file, url } of seen ?? []) {
    if ((yield* digestAt(locate(url ? new URL(file) : file).path)) !== digest) return false
  }
  return true
})

/** The service, and what has been read by it so far. */
export const watched = Effect.fnUntraced(function* (data: (typeof Data)["Service"], locate: Locate) {
  const fs = yield* FileSystem.FileSystem
  const seen = new Map<string, Seen>()
  const note = (file: string | URL) =>
    Effect.gen(function* () {
      const [text, url] = [String(file), typeof file !== "string"]
      if (seen.has(text)) return
      seen.set(text, { file: text, url, digest: yield* digestAt(locate(file).path) })
    }).pipe(Effect.provideService(FileSystem.FileSystem, fs))
  return {
    data: Data.of({
      ...data,
      jsonl: (file) => Effect.andThen(note(file), data.jsonl(file)),
      text: (file) => Effect.andThen(note(file), data.text(file)),
    }),
    seen: (): ReadonlyArray<Seen> => [...seen.values()].toSorted((a, b) => (a.file < b.file ? -1 : 1)),
  }
})
