/**
 * One process a run: the second is refused with the first one's pid. A lock names its machine as well, since folders are shared, and when
 * its process began, since pids are used again.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import { Errors } from "hmx"
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { failing } from "./Storage.ts"

/**
 * Whether a lock of another machine holds. Nobody sees from here if that process lives, so it does, unless who asks knows that its time
 * is over: a worker that was given the run because the other's lease had ended.
 */
export const Elsewhere = Context.Reference<"holds" | "is over">("hmx/runtime/Lock/Elsewhere", {
  defaultValue: () => "holds",
})

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

/** Whether it is what a dead process had begun to take a lock with. */
export const isTorn = (name: string): boolean => {
  const [, pid] = /^lock(?:\.taking)*\.tmp-(\d+)$/.exec(name) ?? []
  return pid !== undefined && !alive(Number(pid))
}

const textOf = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}

/**
 * When a process began, which no other process of that pid did: its start in ticks since the machine's, and the machine's start.
 * Undefined where the system does not say.
 */
export const birthOf = (pid: number): string | undefined => {
  // A name may hold blanks and brackets: what follows it begins with the third field. The start is the 22nd.
  const start = textOf(`/proc/${pid}/stat`)?.split(")").at(-1)?.trim().split(" ")[19]
  const boot = textOf("/proc/sys/kernel/random/boot_id")?.trim()
  return start === undefined || boot === undefined ? undefined : `${start} ${boot}`
}

interface Holder {
  readonly pid: number
  /** Of another machine than this. */
  readonly host: string | undefined
}

/** Who holds a lock, if another process than this; undefined where the lock is free, empty or a dead one's. */
const living = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.catchIf(fs.readFileString(path), is("NotFound"), () => Effect.succeed(""))
  const [, pid = "", host = hostname(), birth] = /^([1-9]\d*)\s*(?:\n(\S+)\n(?:(\S+ \S+)\n)?)?$/.exec(text) ?? []
  if (pid === "") return undefined
  if (host !== hostname())
    return (yield* Elsewhere) === "is over" ? undefined : ({ pid: Number(pid), host } satisfies Holder)
  // Pids are given out again: another process may have it by now.
  const now = birth === undefined ? undefined : birthOf(Number(pid))
  const other = Number(pid) !== process.pid && alive(Number(pid)) && (now === undefined || now === birth)
  return other ? ({ pid: Number(pid), host: undefined } satisfies Holder) : undefined
})

/** The living process that a lock names, if another one than this; undefined where the lock is free, empty or a dead one's. */
export const holder = (path: string) => Effect.map(living(path), (held) => held?.pid)

const expected = "a run that no other process is working on"
const refuse = (path: string, { host, pid }: Holder) =>
  new Errors.BadInput({
    where: path,
    found: `process ${pid}${host === undefined ? "" : ` of ${host.slice(0, 100)}`} at work`,
    expected: `${expected} (delete this file where ${host === undefined ? "that process is no run of hmx" : "that machine is gone"})`,
  })

/** Whether a run was refused because another process has it. */
export const isHeld = (error: unknown): boolean =>
  error instanceof Errors.BadInput && error.expected.startsWith(expected)

const born = birthOf(process.pid)
const mine = `${process.pid}\n${hostname()}\n${born === undefined ? "" : `${born}\n`}`

type Taking = Effect.Effect<void, PlatformError | Errors.BadInput, FileSystem.FileSystem>

/**
 * Puts this process's pid into `path`. The lock of a dead process is replaced by the one process that holds `path.taking`, a lock of
 * the same kind, and only after another look: without it, two could find the same dead lock, and the slower one replace the faster one's.
 */
const take = (path: string): Taking =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const own = `${path}.tmp-${process.pid}`
    const refuseLiving = Effect.flatMap(living(path), (held) =>
      held === undefined ? Effect.void : Effect.fail(refuse(path, held)),
    )
    // A link is there whole or not at all: nobody sees a lock without a pid. Some file systems have no links.
    const put = Effect.catchIf(
      fs.link(own, path),
      (e) => !is("AlreadyExists")(e),
      () => fs.writeFileString(path, mine, { flag: "wx" }),
    )
    const takeOver = Effect.acquireUseRelease(
      Effect.andThen(refuseLiving, take(`${path}.taking`)),
      () => Effect.andThen(refuseLiving, fs.rename(own, path)),
      () => Effect.ignore(fs.remove(`${path}.taking`)),
    )
    yield* fs
      .writeFileString(own, mine)
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
    // One that was taken over is the other's.
    () =>
      Effect.ignore(Effect.flatMap(fs.readFileString(path), (text) => (text === mine ? fs.remove(path) : Effect.void))),
  )
})

/** Takes away what a dead process left of its lock on `folder`; another one's lock stays. */
export const clear = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  if (yield* Effect.orElseSucceed(fs.exists(`${folder}/lock`), () => false))
    yield* Effect.ignore(Effect.scoped(hold(folder)))
})
