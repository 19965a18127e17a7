/** One process a run: the second is refused with the first one's pid. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
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

/** Holds `folder/lock` with this process's pid for the length of the scope; the lock of a dead process is taken over. */
export const hold = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = `${folder}/lock`
  const take = fs.writeFileString(path, `${process.pid}\n`, { flag: "wx" })
  const takeOver = Effect.gen(function* () {
    const pid = Number.parseInt(yield* fs.readFileString(path), 10)
    if (pid !== process.pid && alive(pid)) {
      const expected = "a run that no other process is working on"
      yield* new Errors.BadInput({ where: path, found: `process ${pid} at work`, expected })
    }
    yield* fs.remove(path)
    yield* take
  })
  yield* Effect.acquireRelease(
    take.pipe(
      Effect.catchIf(
        (e) => e.reason._tag === "AlreadyExists",
        () => takeOver,
      ),
      Effect.catchTag("PlatformError", (e) => failing("lock", path)(Effect.fail(e))),
    ),
    () => Effect.ignore(fs.remove(path)),
  )
})
