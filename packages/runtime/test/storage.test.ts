import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { resume, run } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { failing, fullAfter } from "./disk.ts"
import { experiment, folder, options } from "./experiment.ts"

const text = (path: string): string => readFileSync(path, "utf8")

describe("a disk that is full", () => {
  it.effect("at any change to it: one sentence, nothing half-written, and a clean resume", () =>
    Effect.gen(function* () {
      const whole = `${folder()}/run`
      yield* Effect.provide(run(experiment({ steps: 2 }), options(whole)), NodeFileSystem.layer)
      let before = 0
      let during = 0
      for (let n = 0; n < 200; n++) {
        const path = `${folder()}/run`
        const exit = yield* Effect.result(Effect.provide(run(experiment({ steps: 2 }), options(path)), fullAfter(n)))
        if (exit._tag === "Success") break
        expect(exit.failure.message).toMatch(/^cannot \w+ \S+: no space is left on the device$/)
        if (!existsSync(path)) {
          expect(exit.failure._tag).toBe("StorageFailed")
          before++
          continue
        }
        during++
        expect(readdirSync(path, { recursive: true }).filter((name) => String(name).includes(".tmp-"))).toEqual([])
        expect(existsSync(`${path}/lock`)).toBe(false)
        yield* Effect.provide(resume(experiment({ steps: 2 }), path, options(path)), NodeFileSystem.layer)
        expect(text(`${path}/metrics.jsonl`)).toBe(text(`${whole}/metrics.jsonl`))
        expect(text(`${path}/report.json`)).toBe(text(`${whole}/report.json`))
      }
      expect([before > 3, during > 8]).toEqual([true, true])
    }),
  )
})

const refused = (path: string) => Effect.flip(Effect.provide(run(experiment(), options(path)), NodeFileSystem.layer))

describe("a run folder", () => {
  it.effect("that is a file", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      writeFileSync(path, "mine")
      expect((yield* refused(path)).message).toBe(`${path}: found a file; expected a folder for the run, or nothing`)
      expect(text(path)).toBe("mine")
      const below = `${path}/deeper`
      expect(yield* refused(below)).toMatchObject({ _tag: "StorageFailed", reason: "a part of the path is a file" })
    }),
  )

  it.effect("that has something in it", () =>
    Effect.gen(function* () {
      const path = folder()
      writeFileSync(`${path}/thesis.tex`, "mine")
      expect(yield* refused(path)).toMatchObject({ _tag: "BadInput", where: path })
      expect(readdirSync(path)).toEqual(["thesis.tex"])
    }),
  )

  it.effect("in which a process died before the run's record had its name counts as empty", () =>
    Effect.gen(function* () {
      const path = folder()
      writeFileSync(`${path}/experiment.json.tmp-99999999-1`, `{ "form`)
      writeFileSync(`${path}/lock`, "99999999\n")
      yield* Effect.provide(run(experiment({ steps: 1 }), options(path)), NodeFileSystem.layer)
      expect(readdirSync(path).filter((name) => name.includes("tmp"))).toEqual([])
    }),
  )

  it.effect("on a read-only disk", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = `${folder()}/run`
      const error = yield* Effect.flip(
        Effect.provideService(run(experiment(), options(path)), FileSystem.FileSystem, {
          ...fs,
          makeDirectory: (at) => Effect.fail(failing("EROFS", "makeDirectory", at)),
        }),
      )
      expect(error).toMatchObject({ _tag: "StorageFailed" })
      expect(error.message).toBe(`cannot make ${path}: the file system is read-only`)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("where files may not be so long", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = `${folder()}/run`
      const error = yield* Effect.flip(
        Effect.provideService(run(experiment(), options(path)), FileSystem.FileSystem, {
          ...fs,
          rename: (from) => Effect.fail(failing("EFBIG", "writeAll", from)),
        }),
      )
      expect(error.message).toBe(
        `cannot write ${path}/experiment.json: the file would be longer than files may be here (ulimit -f)`,
      )
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect.skipIf(process.platform !== "linux")("where nothing can be made, and nothing says why", () =>
    Effect.gen(function* () {
      const error = yield* refused("/proc/nosuch/run")
      expect(error.message).toBe("cannot make /proc/nosuch/run: there is no such file or folder")
    }),
  )

  it.effect("that was made for a refused experiment goes away again", () =>
    Effect.gen(function* () {
      const parent = folder()
      expect(
        yield* Effect.flip(
          Effect.provide(run(experiment({ memory: "16 MiB" }), options(`${parent}/run`)), NodeFileSystem.layer),
        ),
      ).toMatchObject({
        _tag: "OverBudget",
        message: expect.stringMatching(/^memory: \w+ needs [\d.]+ MiB with the weights, and the budget is 16\.0 MiB$/),
      })
      expect(readdirSync(parent)).toEqual([])
    }),
  )
})
