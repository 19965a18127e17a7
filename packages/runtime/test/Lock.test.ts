import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Lock, resume, run, RunFolder } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { experiment, folder, options } from "./experiment.ts"

/** Above the greatest pid of Linux. */
const dead = "4194305\n"
const living = `${process.ppid}\n`
const short = experiment({ steps: 1 })

/** A folder with these files. */
const holding = (files: { readonly [name: string]: string }): string => {
  const path = `${folder()}/run`
  mkdirSync(path)
  for (const [name, text] of Object.entries(files)) writeFileSync(`${path}/${name}`, text)
  return path
}

describe("a folder in which a process was killed before it wrote anything but its lock", () => {
  it.effect.each([
    ["a dead one's", { lock: dead }],
    ["empty", { lock: "" }],
    ["torn while it was taken over", { lock: dead, "lock.taking": dead, "lock.tmp-4194305": dead }],
  ] as const)("counts as empty for a new run: its lock is %s", ([, files]) =>
    Effect.gen(function* () {
      const path = holding(files)
      yield* run(short, options(path))
      expect(existsSync(`${path}/report.json`)).toBe(true)
      expect(readdirSync(path).filter((name) => name === "lock" || name === "lock.taking")).toEqual([])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect.each([
    ["the process lives", { lock: living }],
    ["there is something else", { lock: dead, "thesis.tex": "mine" }],
  ] as const)("does not where %s, and stays as it is", ([, files]) =>
    Effect.gen(function* () {
      const path = holding(files)
      expect(yield* Effect.flip(run(short, options(path)))).toMatchObject({
        _tag: "BadInput",
        found: "a folder that is not empty",
      })
      expect(readdirSync(path)).toEqual(Object.keys(files))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

/** A disk on which another process takes the lock as soon as this one has looked at it `looks` times. */
const overtaken = (lock: string, looks: number) =>
  Effect.map(FileSystem.FileSystem, (fs): FileSystem.FileSystem => {
    let left = looks
    return {
      ...fs,
      readFileString: (path, encoding) =>
        Effect.tap(fs.readFileString(path, encoding), () =>
          Effect.sync(() => {
            if (path === lock && --left === 0) writeFileSync(lock, living)
          }),
        ),
    }
  })

describe("a dead lock that another process takes first", () => {
  it.effect.each([1, 2] as const)("is the other's, and so is the folder (after %i looks)", (looks) =>
    Effect.gen(function* () {
      const path = holding({ lock: dead })
      const fs = yield* overtaken(`${path}/lock`, looks)
      const error = yield* Effect.flip(Effect.provideService(run(short, options(path)), FileSystem.FileSystem, fs))
      expect(error).toMatchObject({ _tag: "BadInput", found: `process ${process.ppid} at work` })
      expect(readFileSync(`${path}/lock`, "utf8")).toBe(living)
      expect(readdirSync(path)).toEqual(["lock"])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("is the other's where a run goes on", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      yield* run(short, options(path))
      writeFileSync(`${path}/lock`, dead)
      const fs = yield* overtaken(`${path}/lock`, 1)
      const error = yield* Effect.flip(
        Effect.provideService(resume(short, path, options(path)), FileSystem.FileSystem, fs),
      )
      expect(error).toMatchObject({ _tag: "BadInput", found: `process ${process.ppid} at work` })
      expect(readFileSync(`${path}/lock`, "utf8")).toBe(living)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

/** The lock of the process above this one, as it writes one itself; or as another process of that pid had written it. */
const lockOf = (birth = Lock.birthOf(process.ppid)) => `${process.ppid}\n${hostname()}\n${birth ?? ""}\n`

describe.runIf(Lock.birthOf(process.ppid) !== undefined)("a lock that says when its process began", () => {
  it.effect.each([
    ["another start", Lock.birthOf(process.ppid)?.replace(/^\d+/, "1")],
    ["another start of the machine", Lock.birthOf(process.ppid)?.replace(/ .*/, " before")],
  ] as const)("is a dead one's where its pid is that of a process of %s", ([, birth]) =>
    Effect.gen(function* () {
      const path = holding({ lock: lockOf(birth) })
      yield* run(short, options(path))
      expect(existsSync(`${path}/lock`)).toBe(false)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("holds where it is that process, and names the way out where that is no run", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      yield* run(short, options(path))
      for (const text of [lockOf(), living]) {
        writeFileSync(`${path}/lock`, text)
        const error = yield* Effect.flip(resume(short, path, options(path)))
        expect(error).toMatchObject({
          where: `${path}/lock`,
          found: `process ${process.ppid} at work`,
          expected: expect.stringContaining("delete this file where that process is no run of hmx"),
        })
        expect(Lock.isHeld(error)).toBe(true)
      }
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("is what a process writes", () =>
    Effect.gen(function* () {
      const path = folder()
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Lock.hold(path)
          const birth = Lock.birthOf(process.pid)
          expect(readFileSync(`${path}/lock`, "utf8")).toBe(`${process.pid}\n${hostname()}\n${birth}\n`)
        }),
      )
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

it.effect("locks of the dead are cleared, of a run and of its arms, and nobody else's", () =>
  Effect.gen(function* () {
    const path = holding({ lock: dead })
    for (const arm of ["one", "two"]) mkdirSync(`${path}/arms/${arm}`, { recursive: true })
    writeFileSync(`${path}/arms/one/lock`, dead)
    writeFileSync(`${path}/arms/two/lock`, living)
    yield* RunFolder.clearLocks(path)
    expect(readdirSync(path, { recursive: true }).map(String).toSorted()).toEqual([
      "arms",
      "arms/one",
      "arms/two",
      "arms/two/lock",
    ])
  }).pipe(Effect.provide(NodeFileSystem.layer)),
)
