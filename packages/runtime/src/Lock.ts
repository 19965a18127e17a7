/** One process a run: the second is refused with the first one's pid. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import { Errors } from "hmx"
import { failing } from "./Storage.ts"

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: the process is there and belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

const is = (tag: string) => (e: PlatformError) => e.reason._tag === tag

/** Whether a name in a run's folder is all that a process leaves that was killed while it took the lock. */
export const isTrace = (name: string): boolean => /^lock(\.taking)*(\.tmp-\d+)?$/.test(name)

/** The living process that a lock names, if another one than this; undefined where the lock is free, empty or a dead one's. */
export const holder = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.catchIf(fs.readFileString(path), is("NotFound"), () => Effect.succeed(""))
  const pid = /^[1-9]\d*\s*$/.test(text) ? Number(text) : undefined
  return pid !== undefined && pid !== process.pid && alive(pid) ? pid : undefined
})

const refuse = (path: string, found: string) =>
  new Errors.BadInput({ where: path, found, expected: "a run that no other process is working on" })

type Taking = Effect.Effect<void, PlatformError | Errors.BadInput, FileSystem.FileSystem>

/**
 * Puts this process's pid into `path`. The lock of a dead process is replaced by the one process that holds `path.taking`, a lock of
 * the same kind, and only after another look: without it, two could find the same dead lock, and the slower one replace the faster one's.
 */
const take = (path: string): Taking =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const own = `${path}.tmp-${process.pid}`
    const refuseLiving = Effect.flatMap(holder(path), (pid) =>
      pid === undefined ? Effect.void : Effect.fail(refuse(path, `process ${pid} at work`)),
    )
    // A link is there whole or not at all: nobody sees a lock without a pid. Some file systems have no links.
    const put = Effect.catchIf(
      fs.link(own, path),
      (e) => !is("AlreadyExists")(e),
      () => fs.writeFileString(path, `${process.pid}\n`, { flag: "wx" }),
    )
    const takeOver = Effect.acquireUseRelease(
      Effect.andThen(refuseLiving, take(`${path}.taking`)),
      () => Effect.andThen(refuseLiving, fs.rename(own, path)),
      () => Effect.ignore(fs.remove(`${path}.taking`)),
    )
    yield* fs
      .writeFileString(own, `${process.pid}\n`)
      .pipe(
        Effect.andThen(Effect.catchIf(put, is("AlreadyExists"), () => takeOver)),
        Effect.ensuring(Effect.ignore(fs.remove(own, { force: true }))),
      )
    yield* refuseLiving
  })

/** Holds `folder/lock` with this process's pid for the length of the scope; the lock of a dead process is taken over. */
export const hold = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = `${folder}/lock`
  yield* Effect.acquireRelease(
    Effect.catchTag(take(path), "PlatformError", (e) => failing("lock", path)(Effect.fail(e))),
    () => Effect.ignore(fs.remove(path)),
  )
})
