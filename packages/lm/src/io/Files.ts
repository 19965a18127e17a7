/**
 * The few file operations that checkpoints need: synchronous, because a model is loaded in its own worker thread, and behind a
 * reference, so that a test can put a full or read-only disk in their place.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { Errors } from "hmx"

/** What is used of node:fs, as it is used. */
export interface FileSystem {
  openSync(path: string, flags: string): number
  /** Returns the bytes that were there. */
  readSync(fd: number, target: Uint8Array, offset: number, length: number, position: number): number
  /** Returns the bytes that were written. */
  writeSync(fd: number, source: Uint8Array, offset: number, length: number, position?: number): number
  fsyncSync(fd: number): void
  closeSync(fd: number): void
  renameSync(from: string, to: string): void
  rmSync(path: string, options: { readonly force: boolean }): void
  mkdirSync(path: string): unknown
  statSync(
    path: string,
    options: { readonly throwIfNoEntry: false },
  ): { readonly size: number; readonly mtimeMs: number; isFile(): boolean } | undefined
  existsSync(path: string): boolean
  readdirSync(path: string): ReadonlyArray<string>
}

/** The file system in use. Default: node:fs. */
export const Files = Context.Reference<FileSystem>("@hmx/lm/Files", { defaultValue: () => fs })

const codeOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "code" in error ? error.code : undefined

/**
 * Makes a folder and those above it, where they are missing. Step by step: Node's own recursive form says of a read-only disk that there
 * is no such folder.
 */
export const makeFolders = (files: FileSystem, folder: string): void => {
  if (files.existsSync(folder)) return
  const above = path.dirname(folder)
  if (above !== folder) makeFolders(files, above)
  try {
    files.mkdirSync(folder)
  } catch (error) {
    // Another process was faster.
    if (codeOf(error) !== "EEXIST") throw error
  }
}

const reasonOf = (error: unknown): string => {
  const code = codeOf(error)
  switch (code) {
    case "ENOSPC":
      return "the disk is full (ENOSPC)"
    case "EROFS":
      return "the file system is read-only (EROFS)"
    case "EACCES":
    case "EPERM":
      return `no permission (${code})`
    case "EFBIG":
      return "the file would be longer than files may be here (EFBIG)"
    case "ENOENT":
      return "no such file or folder (ENOENT)"
    default:
      return error instanceof Error ? error.message : String(error)
  }
}

/** Runs `body`; what it throws becomes StorageFailed. */
export const attempt = <A>(file: string, what: string, body: () => A): Effect.Effect<A, Errors.StorageFailed> =>
  Effect.try({
    try: body,
    catch: (error) => new Errors.StorageFailed({ path: file, what, reason: reasonOf(error) }),
  })

const quoteChar = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`

/** Text that came out of a file, fit for one line of a message: quoted, escaped, at most 120 characters. */
export const quote = (text: string): string =>
  JSON.stringify(text.length > 120 ? `${text.slice(0, 117)}...` : text).replaceAll(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    quoteChar,
  )

/** A JSON value that came out of a file, fit for one line of a message. */
export const show = (x: unknown): string =>
  quote(JSON.stringify(x) ?? "nothing")
    .slice(1, -1)
    .replaceAll('\\"', '"')

export type JsonObject = { readonly [key: string]: unknown }

export const isObject = (x: unknown): x is JsonObject => typeof x === "object" && x !== null && !Array.isArray(x)

export const bad = (where: string, found: string, expected: string): Errors.BadInput =>
  new Errors.BadInput({ where, found, expected })

/** Fills `target` from byte `position` of an open file; returns the bytes that were there. */
export const readFully = (files: FileSystem, fd: number, target: Uint8Array, position: number): number => {
  let done = 0
  while (done < target.length) {
    // One call reads at most 2 GiB on Linux.
    const n = files.readSync(fd, target, done, Math.min(target.length - done, 1 << 30), position + done)
    if (n === 0) break
    done += n
  }
  return done
}

/** `length` bytes from `position`: fewer where the file ends before. */
export const readBytes = Effect.fnUntraced(function* (file: string, position: number, length: number) {
  const files = yield* Files
  return yield* attempt(file, "read", () => {
    const fd = files.openSync(file, "r")
    try {
      const bytes = new Uint8Array(length)
      const found = readFully(files, fd, bytes, position)
      return found === length ? bytes : bytes.subarray(0, found)
    } finally {
      files.closeSync(fd)
    }
  })
})

/** Size in bytes; BadInput where there is no such file. */
export const sizeOf = Effect.fnUntraced(function* (file: string) {
  const files = yield* Files
  const stat = yield* attempt(file, "read", () => files.statSync(file, { throwIfNoEntry: false }))
  if (stat === undefined) return yield* Effect.fail(bad(file, "no such file", "a file"))
  if (!stat.isFile()) return yield* Effect.fail(bad(file, "something that is not a file", "a file"))
  return stat.size
})

/** A UTF-8 file of at most `limit` bytes, as text. */
export const readText = Effect.fnUntraced(function* (file: string, limit: number) {
  const size = yield* sizeOf(file)
  if (size > limit) return yield* Effect.fail(bad(file, `${size} bytes`, `at most ${limit} bytes`))
  const bytes = yield* readBytes(file, 0, size)
  return yield* Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => bad(file, "bytes that are not UTF-8", "UTF-8 text"),
  })
})

/** A JSON file of at most `limit` bytes. */
export const readJson = Effect.fnUntraced(function* (file: string, limit: number) {
  const text = yield* readText(file, limit)
  return yield* Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: (error) => bad(file, error instanceof Error ? quote(error.message) : "a broken text", "JSON"),
  })
})

/** A file to be written: its content piece by piece, each made when it is asked for. */
export interface FileToWrite {
  readonly file: string
  readonly chunks: Iterable<Uint8Array>
}

/** Writes and closes a new file. */
const writeNew = (files: FileSystem, file: string, chunks: Iterable<Uint8Array>, flush: boolean): void => {
  const fd = files.openSync(file, "wx")
  try {
    for (const chunk of chunks) {
      let done = 0
      while (done < chunk.length) done += files.writeSync(fd, chunk, done, Math.min(chunk.length - done, 1 << 30))
    }
    if (flush) files.fsyncSync(fd)
  } finally {
    files.closeSync(fd)
  }
}

/** Makes a rename itself durable; not every file system lets a folder be flushed, and the file is whole either way. */
const syncFolder = (files: FileSystem, folder: string): void => {
  let fd: number | undefined
  try {
    fd = files.openSync(folder, "r")
    files.fsyncSync(fd)
  } catch {
    // Windows and some network file systems refuse this.
  } finally {
    if (fd !== undefined) files.closeSync(fd)
  }
}

/**
 * Writes each file to a temporary name in its folder and flushes it to the disk; when all are there, renames them in the order
 * given. Whoever reads sees a file's old content or the whole new one, and a full disk leaves every old one. Makes folders that
 * are missing; leaves no temporary file on failure. Where `flush` is false nothing is flushed: that is the caller's.
 */
export const writeAtomically = Effect.fnUntraced(function* (
  list: ReadonlyArray<FileToWrite>,
  { flush = true }: { readonly flush?: boolean } = {},
) {
  const files = yield* Files
  const written: Array<{ readonly file: string; readonly temporary: string }> = []
  const forget = Effect.sync(() => {
    for (const { temporary } of written) {
      try {
        files.rmSync(temporary, { force: true })
      } catch {
        // The failure that brought us here is the one to report.
      }
    }
  })
  const each = Effect.gen(function* () {
    for (const { file, chunks } of list) {
      const folder = path.dirname(file)
      const temporary = path.join(folder, `.${path.basename(file)}.${randomBytes(6).toString("hex")}.tmp`)
      yield* attempt(file, "write", () => {
        makeFolders(files, folder)
        written.push({ file, temporary })
        writeNew(files, temporary, chunks, flush)
      })
    }
    for (const { file, temporary } of written) {
      yield* attempt(file, "write", () => files.renameSync(temporary, file))
    }
  })
  yield* Effect.onError(each, () => forget)
  if (!flush) return
  for (const folder of new Set(list.map(({ file }) => path.dirname(file)))) syncFolder(files, folder)
})

const encoder = new TextEncoder()

/** `value` as JSON with two spaces of indent and a newline at the end. */
export const jsonFile = (file: string, value: unknown): FileToWrite => ({
  file,
  chunks: [encoder.encode(`${JSON.stringify(value, null, 2)}\n`)],
})
