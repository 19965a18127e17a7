/** Locks of runs in a folder that several machines share. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { expect, it } from "@effect/vitest"
import { Lock, resume, run } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { experiment, folder, options } from "./experiment.ts"

const short = experiment({ steps: 1 })
const elsewhere = "4194305\nanother-machine\n"

it.effect("a lock of another machine holds, though nobody here sees its process", () =>
  Effect.gen(function* () {
    const path = `${folder()}/run`
    yield* run(short, options(path))
    writeFileSync(`${path}/lock`, elsewhere)
    const error = yield* Effect.flip(resume(short, path, options(path)))
    expect(error).toMatchObject({ _tag: "BadInput", found: "process 4194305 of another-machine at work" })
    expect(Lock.isHeld(error)).toBe(true)
    expect(readFileSync(`${path}/lock`, "utf8")).toBe(elsewhere)
  }).pipe(Effect.provide(NodeFileSystem.layer)),
)

it.effect("it is taken over by who knows that its time is over", () =>
  Effect.gen(function* () {
    const path = `${folder()}/run`
    yield* run(short, options(path))
    writeFileSync(`${path}/lock`, elsewhere)
    yield* Effect.provideService(resume(short, path, options(path)), Lock.Elsewhere, "is over")
    expect(existsSync(`${path}/lock`)).toBe(false)
  }).pipe(Effect.provide(NodeFileSystem.layer)),
)

it.effect("a process that lost its lock leaves the other's alone", () =>
  Effect.gen(function* () {
    const path = folder()
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* Lock.hold(path)
        expect(readFileSync(`${path}/lock`, "utf8")).toMatch(new RegExp(`^${process.pid}\n${hostname()}\n`))
        writeFileSync(`${path}/lock`, elsewhere)
      }),
    )
    expect(readFileSync(`${path}/lock`, "utf8")).toBe(elsewhere)
  }).pipe(Effect.provide(NodeFileSystem.layer)),
)
