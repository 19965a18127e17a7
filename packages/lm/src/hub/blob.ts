/**
 * One file of the hub into the cache's `blobs`: what has come stands in `ETAG.PID.incomplete`, goes on there after a break, and gets
 * the blob's name once its length and its digest are those that the hub lists. Nothing else ever has a blob's name.
 */
import * as Effect from "effect/Effect"
import type { Errors } from "hmx"
import { createHash } from "node:crypto"
import * as path from "node:path"
import { attempt, bad, Files, makeFolders } from "../io/Files.ts"
import type { FileSystem } from "../io/Files.ts"
import { ask, eachPiece, Passing, persist } from "./ask.ts"
import type { HubModel } from "./hubCacheFolder.ts"
import type { HubSettings } from "./HubSettings.ts"

/** A file as the hub lists it. */
export interface HubFile {
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** The blob's name: the sha-256 of a large file, git's sha-1 of a small one, in hex. */
  readonly etag: string
}

/** Files that this process is writing. */
const writing = new Set<string>()

/** An incomplete file that nobody has touched for so long is nobody's, whatever its process id says: another machine's, perhaps. */
const abandoned = 600_000

/** git's digest of a file has its length before it. */
const digestOf = ({ etag, size }: HubFile) =>
  etag.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`)

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Another user's process is there all the same.
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

/** Whether another process is at work on a file: not where its name is this process's own. */
const isBusy = (files: FileSystem, file: string): boolean => {
  if (writing.has(file)) return true
  const pid = Number(/\.(\d+)\.incomplete$/.exec(file)?.[1])
  const touched = files.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return pid !== process.pid && isAlive(pid) && Date.now() - touched < abandoned
}

/**
 * This process's incomplete file: the one that a broken download left, or a new one. Undefined while another process is at work. Where
 * two begin at the same moment, the one with the higher id waits.
 */
const claim = (files: FileSystem, folder: string, { etag, size }: HubFile): string | undefined => {
  makeFolders(files, folder)
  const mine = path.join(folder, `${etag}.${process.pid}.incomplete`)
  const others = () =>
    files
      .readdirSync(folder)
      .filter((name) => name.startsWith(`${etag}.`) && /\.\d+\.incomplete$/.test(name))
      .map((name) => path.join(folder, name))
      .filter((file) => file !== mine)
  if (isBusy(files, mine) || others().some((file) => isBusy(files, file))) return undefined
  if (!files.existsSync(mine)) {
    const [left] = others()
    if (left === undefined) create(files, mine)
    else files.renameSync(left, mine)
    const rival = others().find((file) => isBusy(files, file))
    if (rival !== undefined && rival < mine) {
      files.rmSync(mine, { force: true })
      return undefined
    }
  }
  // What is longer is not the start of it.
  if ((files.statSync(mine, { throwIfNoEntry: false })?.size ?? 0) > size) {
    files.rmSync(mine, { force: true })
    create(files, mine)
  }
  writing.add(mine)
  return mine
}

const create = (files: FileSystem, file: string): void => files.closeSync(files.openSync(file, "wx"))

/** Another process thought that this one was gone, and took its file over: it goes on there. */
const taken = "another process goes on with it"

/** Downloads a file unless its blob is there. `onBytes` gets the bytes that are there more than before; fewer after a wrong start. */
export const fetchBlob = Effect.fnUntraced(function* (
  settings: HubSettings,
  model: HubModel,
  url: string,
  folder: string,
  wanted: HubFile,
  onBytes: (more: number) => void,
) {
  const files = yield* Files
  const blob = path.join(folder, wanted.etag)
  const isThere = attempt(blob, "read", () => files.statSync(blob, { throwIfNoEntry: false })?.size === wanted.size)
  /** Whether the file is there now. */
  const get = Effect.gen(function* () {
    if (yield* isThere) {
      onBytes(wanted.size)
      return true
    }
    // Another process may take a file away between two looks.
    const mine = yield* Effect.catchIf(
      attempt(blob, "write", () => claim(files, folder, wanted)),
      ({ reason }) => reason.includes("ENOENT"),
      () => Effect.void,
    )
    if (mine === undefined) return false
    return yield* write(settings, model, url, { blob, mine, wanted }, onBytes).pipe(
      Effect.as(true),
      Effect.catchIf(
        (error) => error._tag === "StorageFailed" && error.reason === taken,
        () => Effect.succeed(false),
      ),
      Effect.ensuring(Effect.sync(() => writing.delete(mine))),
    )
  })
  while (!(yield* get)) yield* Effect.sleep(settings.pace.look)
})

/** Writes what is missing of the incomplete file, checks the whole, and gives it the blob's name. */
const write = Effect.fnUntraced(function* (
  settings: HubSettings,
  model: HubModel,
  url: string,
  { blob, mine, wanted }: { readonly blob: string; readonly mine: string; readonly wanted: HubFile },
  onBytes: (more: number) => void,
) {
  const files = yield* Files
  const { size } = wanted
  let position = 0
  let farthest = 0
  let wrong = 0
  let hash = digestOf(wanted)
  const fd = yield* Effect.acquireRelease(
    attempt(mine, "write", () => files.openSync(mine, "r+")),
    (open) => Effect.sync(() => files.closeSync(open)),
  )
  const restart = () => {
    onBytes(-position)
    position = 0
    hash = digestOf(wanted)
  }
  const count = (bytes: Uint8Array) => {
    hash.update(bytes)
    position += bytes.length
    farthest = Math.max(farthest, position)
    onBytes(bytes.length)
  }
  const append = (bytes: Uint8Array) => {
    if (!files.existsSync(mine)) {
      restart()
      throw new Error(taken)
    }
    for (let done = 0; done < bytes.length;)
      done += files.writeSync(fd, bytes, done, bytes.length - done, position + done)
    count(bytes)
  }
  // What a broken download left counts, as far as it can be part of the file.
  yield* attempt(mine, "read", () => {
    const window = new Uint8Array(1 << 20)
    for (;;) {
      const read = files.readSync(fd, window, 0, Math.min(window.length, size - position), position)
      if (read === 0) break
      count(window.subarray(0, read))
    }
  })

  const rest = Effect.gen(function* () {
    if (position < size) {
      const response = yield* ask(settings, model, url, position === 0 ? {} : { range: `bytes=${position}-` })
      if (response.status === 416 || (response.status === 206 && !continues(response, position))) {
        restart()
        yield* Effect.fail(new Passing("it does not go on where the download broke off"))
      }
      // A server that knows no ranges begins anew.
      if (response.status === 200) restart()
      yield* eachPiece(settings, response, (bytes): Effect.Effect<void, Errors.BadInput | Errors.StorageFailed> =>
        position + bytes.length > size
          ? Effect.fail(bad(url, `more than ${size} bytes`, `${size} bytes, as the hub lists`))
          : attempt(mine, "write", () => append(bytes)),
      )
    }
    if (position < size) yield* Effect.fail(new Passing(`it broke off after ${position} of ${size} bytes`))
    const digest = hash.digest("hex")
    if (digest !== wanted.etag) {
      restart()
      wrong += 1
      const found = bad(url, `a file of digest ${digest}`, `${wanted.etag}, as the hub lists`)
      // Bytes that a broken download left may be at fault once.
      yield* Effect.fail(wrong === 1 ? new Passing("its digest is not the listed one") : found)
    }
  })
  yield* Effect.tapError(
    persist(settings, url, Effect.scoped(rest), () => farthest),
    // Bytes that are not the file's are of no use to a later try.
    (error) => (error._tag === "BadInput" ? Effect.sync(() => files.rmSync(mine, { force: true })) : Effect.void),
  )
  yield* attempt(blob, "write", () => {
    files.fsyncSync(fd)
    files.renameSync(mine, blob)
  })
}, Effect.scoped)

/** Whether a partial answer begins where it was asked to. */
const continues = ({ headers }: Response, position: number): boolean =>
  Number(/^bytes (\d+)-/.exec(headers.get("content-range") ?? "")?.[1]) === position
