/**
 * Finished pieces by their keys, in a folder that many processes may share: `objects/ab/<key>`, and `states/ab/<digest>/` for adapters
 * with their optimisers. A piece is written under another name and renamed; nothing is flushed, since what a crash tears is known by
 * its digest and made again. One key has one content, so who writes last does no harm.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import { Errors } from "hmx"
import { statSync } from "node:fs"
import { dirname } from "node:path"
import { failing, makeFolders, writeFile } from "../Storage.ts"
import * as Entry from "./Entry.ts"
import { canonical, hash, keyOf } from "./Key.ts"

const is = (tag: string) => (e: PlatformError) => e.reason._tag === tag

type Io<A> = Effect.Effect<A, Errors.StorageFailed>

export interface Store {
  readonly folder: string
  /** The entry of a key: "missing", or "damaged" where it is not whole; writing it again mends it. */
  readonly read: (key: string) => Io<Entry.Entry | "missing" | "damaged">
  /** Keeps an entry under the key of its parts. */
  readonly write: (entry: Entry.Entry) => Io<void>
  /** Keeps the files of a folder; they are linked where the file system can, else copied. */
  readonly keep: (folder: string) => Io<Entry.State>
  /** The folder of a state whose files are whole; undefined where they are not, and what there is goes away. */
  readonly state: (state: Entry.State) => Io<string | undefined>
  /** Puts the files of a state into a folder, which is made; false where the state is not whole. */
  readonly put: (state: Entry.State, folder: string) => Io<boolean>
  /** Whether the state of that digest is whole. */
  readonly whole: (digest: string) => Io<boolean>
}

export const objectPath = (folder: string, key: string): string => `${folder}/objects/${key.slice(0, 2)}/${key}`
export const statePath = (folder: string, digest: string): string => `${folder}/states/${digest.slice(0, 2)}/${digest}`

const now = `${JSON.stringify({ format: Entry.format })}\n`
const formatPath = (folder: string): string => `${folder}/format.json`

/** Whether there is a store in the folder. Refuses one that another version of hmx made: what it does not understand it cannot keep. */
const isThere = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = formatPath(folder)
  const found = yield* fs.readFileString(path).pipe(
    Effect.catchIf(is("NotFound"), () => Effect.succeed(undefined)),
    failing("read", path),
  )
  if (found === undefined || found === now) return found === now
  const expected = `${now.trim()}, as this version of hmx writes it (name another folder by --store, or remove this one)`
  return yield* new Errors.BadInput({ where: path, found: found.trim().slice(0, 60), expected })
})

/** Whether the disk has that path, or cannot say. A file system of another kind (in memory) has a store that the disk does not have. */
const isOnDisk = (path: string): boolean => {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return true
  }
}

/** Of this process: two fibres that write one piece at once have names of their own. */
let writes = 0
export const isTemporary = (name: string): boolean => /\.tmp-\d+-\d+$/.test(name)
const temporary = (path: string): string => `${path}.tmp-${process.pid}-${++writes}`

/** The store in that folder; it is made where there is none. */
export const open = Effect.fnUntraced(function* (folder: string) {
  if (!(yield* isThere(folder))) {
    yield* failing("make", folder)(makeFolders(folder))
    yield* writeFile(formatPath(folder), now)
  }
  return yield* over(folder)
})

/** The store in that folder, for those who only look; undefined where there is none. */
export const find = Effect.fnUntraced(function* (folder: string) {
  return (yield* isThere(folder)) ? yield* over(folder) : undefined
})

const over = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem

  /** Makes the folder above where it is not there yet: once in 256 writes, in the long run never. */
  const inFolder = <A>(path: string, effect: Effect.Effect<A, PlatformError>) =>
    Effect.catchIf(effect, is("NotFound"), () =>
      Effect.andThen(Effect.provideService(makeFolders(dirname(path)), FileSystem.FileSystem, fs), effect),
    )
  const away = (path: string) => failing("remove", path)(fs.remove(path, { force: true, recursive: true }))

  const onDisk = isOnDisk(formatPath(folder))

  const read: Store["read"] = (key) =>
    Effect.suspend(() => {
      const path = objectPath(folder, key)
      // Of fresh work nothing is there, and the model waits for each answer: to open what is not there takes a hundred times as long.
      if (onDisk && !isOnDisk(path)) return Effect.succeed("missing")
      return fs.readFileString(path).pipe(
        Effect.catchIf(is("NotFound"), () => Effect.succeed(undefined)),
        failing("read", path),
        Effect.map((text) => (text === undefined ? "missing" : (Entry.parse(text, key) ?? "damaged"))),
      )
    })

  const write: Store["write"] = (entry) =>
    Effect.suspend(() => {
      const path = objectPath(folder, keyOf(entry.parts))
      const made = temporary(path)
      return inFolder(path, fs.writeFileString(made, Entry.print(entry))).pipe(
        Effect.andThen(fs.rename(made, path)),
        Effect.onError(() => Effect.ignore(fs.remove(made, { force: true }))),
        failing("write", path),
      )
    })

  const digests = (of: string) =>
    Effect.gen(function* () {
      const names = (yield* fs.readDirectory(of)).filter((name) => name !== "cursor.json").toSorted()
      const files: Record<string, string> = {}
      for (const name of names) files[name] = hash(yield* fs.readFile(`${of}/${name}`))
      return { digest: hash(canonical(files)), files }
    })

  /** Links files into a folder that is made for them. Some file systems have no links, or not from there to here. */
  const link = Effect.fnUntraced(function* (names: ReadonlyArray<string>, from: string, to: string) {
    yield* Effect.provideService(makeFolders(to), FileSystem.FileSystem, fs)
    for (const name of names) {
      const copy = Effect.flatMap(fs.readFile(`${from}/${name}`), (bytes) => fs.writeFile(`${to}/${name}`, bytes))
      yield* Effect.catch(fs.link(`${from}/${name}`, `${to}/${name}`), () => copy)
    }
  })

  /** Digest of what lies under a state's name; empty where nothing does. */
  const found = (wanted: string) => {
    const path = statePath(folder, wanted)
    return digests(path).pipe(
      Effect.map(({ digest }) => digest),
      Effect.catchIf(is("NotFound"), () => Effect.succeed("")),
      failing("read", path),
    )
  }
  const whole: Store["whole"] = (digest) => Effect.map(found(digest), (there) => there === digest)

  const keep: Store["keep"] = (from) =>
    Effect.gen(function* () {
      const state = yield* failing("read", from)(digests(from))
      const path = statePath(folder, state.digest)
      const made = temporary(path)
      const there = yield* found(state.digest)
      if (there === state.digest) return state
      // What lies in its place is damaged.
      if (there !== "") yield* away(path)
      const put = Effect.gen(function* () {
        yield* link(Object.keys(state.files), from, made)
        // Another process may have been first; its folder has the same files.
        yield* Effect.catch(fs.rename(made, path), (error) =>
          Effect.flatMap(fs.exists(path), (taken) =>
            taken ? fs.remove(made, { recursive: true }) : Effect.fail(error),
          ),
        )
      }).pipe(Effect.onError(() => Effect.ignore(fs.remove(made, { force: true, recursive: true }))))
      yield* failing("write", path)(put)
      return state
    })

  const state: Store["state"] = ({ digest }) =>
    Effect.gen(function* () {
      const path = statePath(folder, digest)
      const there = yield* found(digest)
      if (there === digest) return path
      if (there !== "") yield* away(path)
      return undefined
    })

  const put: Store["put"] = (wanted, to) =>
    Effect.gen(function* () {
      const from = yield* state(wanted)
      if (from === undefined) return false
      yield* failing("write", to)(link(Object.keys(wanted.files), from, to))
      return true
    })

  return { folder, read, write, keep, state, put, whole } satisfies Store
})
