import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { run } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { readdirSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { experiment, folder, options } from "./experiment.ts"

/** The real disk, and in order what was flushed and what was renamed; of a rename, what it moved. */
const watched = Effect.map(FileSystem.FileSystem, (fs) => {
  const deeds: Array<{
    readonly deed: "flush" | "rename"
    readonly path: string
    readonly moved: ReadonlyArray<string>
  }> = []
  const note = (deed: "flush" | "rename", path: string, moved: ReadonlyArray<string> = []) =>
    Effect.sync(() => void deeds.push({ deed, path, moved }))
  const disk: FileSystem.FileSystem = {
    ...fs,
    open: (path, o) =>
      Effect.map(fs.open(path, o), (file) =>
        Object.defineProperty(file, "sync", { value: Effect.tap(file.sync, () => note("flush", path)) }),
      ),
    rename: (from, to) =>
      Effect.andThen(
        Effect.suspend(() => note("rename", to, [from, ...inside(from)])),
        fs.rename(from, to),
      ),
  }
  return { deeds, disk }
})
const inside = (path: string): ReadonlyArray<string> =>
  statSync(path).isDirectory() ? readdirSync(path).map((name) => `${path}/${name}`) : []

describe("what takes its name", () => {
  it.effect("is flushed before the rename, with all that is in it, and the folder above after it", () =>
    Effect.gen(function* () {
      const { deeds, disk } = yield* watched
      const path = `${folder()}/run`
      yield* Effect.provideService(run(experiment({ steps: 1 }), options(path)), FileSystem.FileSystem, disk)
      const renames = deeds.flatMap(({ deed, moved, path: to }, at) => (deed === "rename" ? [{ at, moved, to }] : []))
      const names = renames.map(({ to }) => to.slice(path.length + 1))
      // What memory was is for the eye, and waits for nobody.
      expect(names.filter((name) => name !== "memory.json")).toEqual([
        "experiment.json",
        "checkpoints/step-0",
        "evaluations/step-0.json",
        "checkpoints/step-1",
        "evaluations/step-1.json",
        "report.json",
      ])
      expect(names.slice(0, -1)).toContain("memory.json")
      for (const { at, moved, to } of renames) {
        const flushed = (part: typeof deeds) => part.flatMap((d) => (d.deed === "flush" ? [d.path] : []))
        expect(flushed(deeds.slice(0, at))).toEqual(expect.arrayContaining([...moved]))
        expect(flushed(deeds.slice(at))).toContain(dirname(to))
      }
      // A step's line of metrics is on the disk before its checkpoint is.
      const before = deeds.slice(0, renames.find(({ to }) => to.endsWith("step-1"))?.at)
      expect(before.map(({ deed, path: of }) => `${deed} ${of}`)).toContain(`flush ${path}/metrics.jsonl`)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
