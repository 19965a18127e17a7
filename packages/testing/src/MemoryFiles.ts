/** A file system that is a map: what a run writes stays in memory, and what it reads of the disk (prompts, data) is read from there. */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { type PlatformError, systemError, type SystemErrorTag } from "effect/PlatformError"
import { existsSync, readFileSync, statSync } from "node:fs"
import { dirname } from "node:path"

const FOLDER = Symbol("folder")

const fail = (method: string, path: string, tag: SystemErrorTag = "NotFound") =>
  Effect.fail(systemError({ _tag: tag, module: "FileSystem", method, pathOrDescriptor: path }))
const suspend = <A>(body: () => Effect.Effect<A, PlatformError>) => Effect.suspend(body)
/** At once, so that no simulated time passes meanwhile. */
const onDisk = <A>(method: string, path: string, io: () => A) =>
  Effect.catchCause(Effect.sync(io), () => fail(method, path))

/**
 * Files by absolute path. The layer provides Effect's `FileSystem`: what lies under `root` is in memory, everything else is read from
 * the disk and cannot be written.
 */
export class MemoryFiles {
  readonly root: string
  readonly #files = new Map<string, Uint8Array | typeof FOLDER>()
  constructor(root = "/in-memory") {
    this.root = root
    this.#files.set(root, FOLDER)
  }

  /** Every file with its text, by its path under the root. */
  texts(): ReadonlyMap<string, string> {
    const decoder = new TextDecoder()
    return new Map(
      [...this.#files].flatMap(([path, bytes]) =>
        bytes === FOLDER ? [] : [[path.slice(this.root.length + 1), decoder.decode(bytes)] as const],
      ),
    )
  }

  /** For a scripted model, which saves its adapters here. */
  write(path: string, bytes: Uint8Array): void {
    this.#makeFolder(dirname(path))
    this.#files.set(path, bytes)
  }
  read(path: string): Uint8Array | undefined {
    const found = this.#files.get(path)
    return found === FOLDER ? undefined : found
  }

  get layer(): Layer.Layer<FileSystem.FileSystem> {
    return Layer.succeed(FileSystem.FileSystem, this.#fileSystem())
  }

  #inside(path: string): boolean {
    return path === this.root || path.startsWith(`${this.root}/`)
  }
  #makeFolder(path: string): void {
    for (let at = path; this.#inside(at); at = dirname(at)) this.#files.set(at, FOLDER)
  }
  #under(path: string): ReadonlyArray<string> {
    return [...this.#files.keys()].filter((key) => key.startsWith(`${path}/`))
  }

  #fileSystem(): FileSystem.FileSystem {
    const readBytes = (path: string) =>
      suspend(() => {
        if (!this.#inside(path)) return onDisk("readFile", path, () => readFileSync(path))
        const found = this.read(path)
        return found === undefined ? fail("readFile", path) : Effect.succeed(found)
      })
    const writeBytes = (path: string, bytes: Uint8Array, flag?: string) =>
      suspend(() => {
        if (!this.#inside(path)) return fail("writeFile", path, "PermissionDenied")
        if (this.#files.get(dirname(path)) !== FOLDER) return fail("writeFile", path)
        if (flag === "wx" && this.#files.has(path)) return fail("writeFile", path, "AlreadyExists")
        return Effect.sync(() => void this.#files.set(path, bytes))
      })
    const append = (path: string, bytes: Uint8Array) =>
      suspend(() => {
        const before = this.read(path) ?? new Uint8Array()
        const both = new Uint8Array(before.length + bytes.length)
        both.set(before)
        both.set(bytes, before.length)
        return writeBytes(path, both)
      })
    const exists = (path: string) =>
      this.#inside(path) ? Effect.sync(() => this.#files.has(path)) : Effect.sync(() => existsSync(path))
    return FileSystem.makeNoop({
      exists,
      readFile: readBytes,
      readFileString: (path) => Effect.map(readBytes(path), (bytes) => new TextDecoder().decode(bytes)),
      writeFile: (path, bytes, options) => writeBytes(path, bytes, options?.flag),
      writeFileString: (path, text, options) => writeBytes(path, new TextEncoder().encode(text), options?.flag),
      makeDirectory: (path, options) =>
        suspend(() => {
          if (!this.#inside(path)) return fail("makeDirectory", path, "PermissionDenied")
          if (this.#files.has(path) && options?.recursive !== true) return fail("makeDirectory", path, "AlreadyExists")
          return Effect.sync(() => this.#makeFolder(path))
        }),
      readDirectory: (path) =>
        suspend(() => {
          if (this.#files.get(path) !== FOLDER) return fail("readDirectory", path)
          const names = this.#under(path).map((key) => key.slice(path.length + 1).split("/", 1)[0] ?? "")
          return Effect.succeed([...new Set(names)])
        }),
      remove: (path, options) =>
        suspend(() => {
          if (!this.#files.has(path)) return options?.force === true ? Effect.void : fail("remove", path)
          for (const key of [path, ...this.#under(path)]) this.#files.delete(key)
          return Effect.void
        }),
      rename: (from, to) =>
        suspend(() => {
          if (!this.#files.has(from)) return fail("rename", from)
          for (const key of [from, ...this.#under(from)]) {
            const found = this.#files.get(key)
            if (found !== undefined) this.#files.set(to + key.slice(from.length), found)
            this.#files.delete(key)
          }
          return Effect.void
        }),
      stat: (path) =>
        this.#inside(path)
          ? suspend(() => {
              const found = this.#files.get(path)
              if (found === undefined) return fail("stat", path)
              return Effect.succeed(found === FOLDER ? info("Directory", 0) : info("File", found.length))
            })
          : Effect.map(
              onDisk("stat", path, () => statSync(path)),
              (s) => info(s.isFile() ? "File" : "Directory", s.size),
            ),
      open: (path, options) =>
        suspend(() => {
          const flag = options?.flag ?? "r"
          const opened = flag === "r" ? (this.#files.has(path) ? Effect.void : fail("open", path)) : Effect.void
          const emptied = flag.startsWith("w") ? writeBytes(path, new Uint8Array(), flag) : opened
          return Effect.as(
            emptied,
            file((bytes) => append(path, bytes)),
          )
        }),
    })
  }
}

/** As much of a file's handle as is used: it is written to at its end, and flushed. */
const file = (writeAll: (bytes: Uint8Array) => Effect.Effect<void, PlatformError>): FileSystem.File => ({
  [FileSystem.FileTypeId]: FileSystem.FileTypeId,
  stat: Effect.die("stat of an open file is not kept in memory"),
  seek: () => Effect.die("a file in memory is written at its end"),
  sync: Effect.void,
  read: () => Effect.die("a file in memory is read whole"),
  readAlloc: () => Effect.die("a file in memory is read whole"),
  truncate: () => Effect.die("a file in memory is written anew"),
  write: (bytes) => Effect.as(writeAll(bytes), bytes.length),
  writeAll,
})

const info = (type: "File" | "Directory", size: number): FileSystem.File.Info => ({
  type,
  mtime: Option.none(),
  atime: Option.none(),
  birthtime: Option.none(),
  dev: 0n,
  ino: Option.none(),
  mode: 0o644,
  nlink: Option.none(),
  uid: Option.none(),
  gid: Option.none(),
  rdev: Option.none(),
  size: ByteSize.fromInputUnsafe(size),
  blksize: Option.none(),
  blocks: Option.none(),
})
