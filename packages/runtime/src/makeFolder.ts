/** Where a new run goes. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import { Errors } from "hmx"
import { dirname } from "node:path"
import * as Lock from "./Lock.ts"
import { failing, makeFolders } from "./Storage.ts"

/** A folder of that path, or the first free one of `base-1`, `base-2` … */
export type Place = { readonly path: string } | { readonly base: string }

const is = (tag: string) => (e: PlatformError) => e.reason._tag === tag

/** What is left of a record that was never whole, or of a lock that was never taken. */
const isTorn = (name: string): boolean => /^experiment\.json\.tmp-\d+-\d+$/.test(name) || Lock.isTorn(name)

/** Whether a folder holds nothing, or nothing but what a process leaves that died before the run's record was there; takes that away. */
const isFree = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const names = yield* fs.readDirectory(path)
  const free = names.every((name) => Lock.isTrace(name) || isTorn(name))
  if (!free || (yield* Lock.holder(`${path}/lock`)) !== undefined) return false
  yield* Effect.forEach(names.filter(isTorn), (name) => fs.remove(`${path}/${name}`, { force: true }))
  return true
})

/** Fails where a folder cannot be that of a new run: a file, or a folder that holds something. */
export const refuseTaken = Effect.fnUntraced(function* (
  path: string,
  expected = "an empty folder or nothing (`hmx resume` goes on with a run)",
) {
  const fs = yield* FileSystem.FileSystem
  const found = fs.stat(path).pipe(
    Effect.map((info) => (info.type === "Directory" ? "folder" : "file")),
    Effect.catchIf(is("NotFound"), () => Effect.succeed("nothing")),
  )
  const kind = yield* failing("read", path)(found)
  if (kind === "file") {
    return yield* new Errors.BadInput({ where: path, found: "a file", expected: "a folder for the run, or nothing" })
  }
  if (kind === "folder" && !(yield* failing("read", path)(isFree(path)))) {
    return yield* new Errors.BadInput({ where: path, found: "a folder that is not empty", expected })
  }
  return undefined
})

/** Makes the folder of a new run; one that is there must be empty. Returns its path. */
export const makeFolder = Effect.fnUntraced(function* (place: Place) {
  const fs = yield* FileSystem.FileSystem
  if ("base" in place) {
    yield* failing("make", dirname(place.base))(makeFolders(dirname(place.base)))
    for (let n = 1; ; n++) {
      const path = `${place.base}-${n}`
      const made = fs.makeDirectory(path).pipe(
        Effect.as(true),
        Effect.catchIf(is("AlreadyExists"), () => Effect.succeed(false)),
      )
      // Two processes that start at once get different numbers: only one of them makes the folder.
      if (yield* failing("make", path)(made)) return path
    }
  }
  const { path } = place
  yield* refuseTaken(path)
  yield* failing("make", path)(makeFolders(path))
  return path
})

/** A new folder that goes away with its scope unless `begun` has been called. */
export const newFolder = Effect.fnUntraced(function* (place: Place) {
  const fs = yield* FileSystem.FileSystem
  let kept = false
  const path = yield* Effect.acquireRelease(makeFolder(place), (made) =>
    kept ? Effect.void : Effect.ignore(fs.remove(made, { recursive: true })),
  )
  const begun = (): void => {
    kept = true
  }
  return { path, begun }
})
