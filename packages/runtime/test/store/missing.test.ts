import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { expect, it } from "@effect/vitest"
import { MemoryFiles } from "@hmx/testing"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { Entry } from "../../src/store/Entry.ts"
import { hash, keyOf } from "../../src/store/Key.ts"
import { objectPath, open } from "../../src/store/Store.ts"
import { folder } from "../experiment.ts"

const entry = (payload: string): Entry => ({
  parts: { stage: "Sample", version: 1, code: {}, options: {}, inputs: { prompt: payload } },
  digest: hash(payload),
  payload,
})

it.effect("what a store does not have is known without opening it, and what it has is read", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const read: Array<string> = []
    const watched: FileSystem.FileSystem = {
      ...fs,
      readFileString: (path) => Effect.suspend(() => (read.push(path), fs.readFileString(path))),
    }
    const at = `${folder()}/store`
    const store = yield* Effect.provideService(open(at), FileSystem.FileSystem, watched)
    const key = keyOf(entry("there").parts)
    read.length = 0
    expect(yield* store.read(key)).toBe("missing")
    expect(read).toEqual([])
    // Another process may write it meanwhile: it is looked for each time.
    yield* (yield* open(at)).write(entry("there"))
    expect(yield* store.read(key)).toMatchObject({ payload: "there" })
    expect(read).toEqual([objectPath(at, key)])
  }).pipe(Effect.provide(NodeFileSystem.layer)),
)

it.effect("a store that does not lie on the disk is read by its own file system", () =>
  Effect.gen(function* () {
    const files = new MemoryFiles()
    yield* Effect.gen(function* () {
      const store = yield* open(`${files.root}/store`)
      yield* store.write(entry("there"))
      expect(yield* store.read(keyOf(entry("there").parts))).toMatchObject({ payload: "there" })
      expect(yield* store.read(keyOf(entry("away").parts))).toBe("missing")
    }).pipe(Effect.provide(files.layer))
  }),
)
