/**
 * Writing to a disk that may be full, read-only or gone. A file is either whole or absent: written to a temporary name beside it,
 * flushed, renamed, and the rename flushed with its folder.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import { Errors } from "hmx"
import { dirname } from "node:path"

const reasons: { readonly [code: string]: string } = {
  ENOSPC: "no space is left on the device",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be longer than files may be here (ulimit -f)",
  EROFS: "the file system is read-only",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOTDIR: "a part of the path is a file",
  EEXIST: "a file or folder of that name is there already",
  EISDIR: "it is a folder",
  ENOENT: "there is no such file or folder",
  EMFILE: "too many files are open",
  EIO: "the disk reported an error",
}

/** Why the file system refused, in words. */
export const reasonOf = (error: PlatformError): string => {
  const { reason } = error
  const cause: unknown = "cause" in reason ? reason.cause : undefined
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""
  return reasons[code] ?? (code === "" ? reason.message : `${code}: ${reason.message}`)
}

/** Names the path and the deed in a failure of the file system. */
export const failing =
  (what: string, path: string) =>
  <A, R>(effect: Effect.Effect<A, PlatformError, R>): Effect.Effect<A, Errors.StorageFailed, R> =>
    Effect.mapError(effect, (error) => new Errors.StorageFailed({ path, what, reason: reasonOf(error) }))

const is = (tag: string) => (e: PlatformError) => e.reason._tag === tag

/**
 * Makes a folder and those above it; one that is there stays. Step by step: Node's own recursive form never returns where a folder
 * takes no entries and says that it does not exist (/proc).
 */
export const makeFolders = (path: string): Effect.Effect<void, PlatformError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const make = fs.makeDirectory(path)
    yield* make.pipe(
      Effect.catchIf(is("NotFound"), (error) =>
        dirname(path) === path ? Effect.fail(error) : Effect.andThen(makeFolders(dirname(path)), make),
      ),
      Effect.catchIf(is("AlreadyExists"), (error) =>
        Effect.flatMap(fs.stat(path), ({ type }) => (type === "Directory" ? Effect.void : Effect.fail(error))),
      ),
    )
  })

/** Flushes a file or a folder. */
const flush = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  yield* Effect.scoped(Effect.flatMap(fs.open(path, { flag: "r" }), (file) => file.sync))
})

/** Two runs of one process may write the same file at once (a store that is new to both). */
let writes = 0

/** Writes a whole file, or leaves what was there. */
export const writeFile = (path: string, text: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const temporary = `${path}.tmp-${process.pid}-${++writes}`
    yield* Effect.scoped(
      Effect.gen(function* () {
        const file = yield* fs.open(temporary, { flag: "w" })
        yield* file.writeAll(new TextEncoder().encode(text))
        yield* file.sync
      }),
    ).pipe(
      Effect.andThen(fs.rename(temporary, path)),
      Effect.onError(() => Effect.ignore(fs.remove(temporary, { force: true }))),
    )
    yield* flush(dirname(path))
  }).pipe(failing("write", path))

/**
 * Makes a whole folder, or leaves what was there: `fill` writes into a temporary one, which takes the name by what is returned: there
 * `complete` adds to it, all is flushed, and a folder of the name gives way.
 */
export const writeFolder = Effect.fnUntraced(function* <E, R>(
  path: string,
  fill: (folder: string) => Effect.Effect<void, E, R>,
  complete: (folder: string) => Effect.Effect<void, Errors.StorageFailed>,
) {
  const fs = yield* FileSystem.FileSystem
  const temporary = `${path}.tmp-${process.pid}-${++writes}`
  const put = failing("write", path)
  const orNothing = Effect.onError(() => Effect.ignore(fs.remove(temporary, { force: true, recursive: true })))
  yield* Effect.andThen(put(makeFolders(temporary)), fill(temporary)).pipe(orNothing)
  return Effect.gen(function* () {
    yield* complete(temporary)
    const names = yield* put(fs.readDirectory(temporary))
    const files = [...names.map((name) => `${temporary}/${name}`), temporary]
    yield* put(Effect.forEach(files, flush, { concurrency: "unbounded", discard: true }))
    yield* put(fs.remove(path, { force: true, recursive: true }))
    yield* put(fs.rename(temporary, path))
  }).pipe(orNothing, Effect.andThen(put(flush(dirname(path)))))
})

/**
 * Appends lines to a journal that stays open; each call is one write. `flushed`: they are on the disk when it returns, so that what is
 * renamed afterwards never stands there without them, even where the power fails.
 */
export const appendTo = Effect.fnUntraced(function* (path: string, options: { readonly flushed?: boolean } = {}) {
  const fs = yield* FileSystem.FileSystem
  const file = yield* failing("open", path)(fs.open(path, { flag: "a" }))
  const encoder = new TextEncoder()
  return (lines: ReadonlyArray<unknown>): Effect.Effect<void, Errors.StorageFailed> => {
    const written = file.writeAll(encoder.encode(lines.map((line) => `${JSON.stringify(line)}\n`).join("")))
    return failing("write", path)(options.flushed === true ? Effect.andThen(written, file.sync) : written)
  }
})
