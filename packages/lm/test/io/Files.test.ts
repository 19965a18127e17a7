import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { Files, jsonFile, writeAtomically } from "../../src/io/Files.ts"
import type { FileSystem } from "../../src/io/Files.ts"
import { failure, filesIn, fresh } from "./_support.ts"

const bytes = (text: string) => [Buffer.from(text)]
const failing = (code: string): never => {
  throw Object.assign(new Error(`${code}: injected`), { code })
}
const on = <A, E>(files: Partial<FileSystem>, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.provideService(effect, Files, { ...fs, ...files })

describe("writing atomically", () => {
  it("makes the folder, replaces the old content, and leaves no temporary file", () => {
    const folder = fresh("new/deep")
    for (const text of ["one", "two"]) {
      Effect.runSync(
        writeAtomically([
          { file: join(folder, "a"), chunks: [...bytes(text), ...bytes("!")] },
          jsonFile(join(folder, "b"), { x: 1 }),
        ]),
      )
      expect(fs.readFileSync(join(folder, "a"), "utf8")).toBe(`${text}!`)
    }
    expect(filesIn(folder)).toEqual(["a", "b"])
    expect(fs.readFileSync(join(folder, "b"), "utf8")).toBe('{\n  "x": 1\n}\n')
  })

  it("flushes each file before it is renamed, and renames in the order given", () => {
    const folder = fresh("order")
    const log: Array<string> = []
    const files: Partial<FileSystem> = {
      fsyncSync: (fd) => {
        log.push("fsync")
        fs.fsyncSync(fd)
      },
      renameSync: (from, to) => {
        log.push(`rename ${to.slice(-1)}`)
        fs.renameSync(from, to)
      },
    }
    const list = ["a", "b"].map((name) => ({ file: join(folder, name), chunks: bytes(name) }))
    Effect.runSync(on(files, writeAtomically(list)))
    expect(log).toEqual(["fsync", "fsync", "rename a", "rename b", "fsync"])
  })

  it.runIf(fs.existsSync("/dev/full"))("on a full disk says so, and every old file is as it was", () => {
    const folder = fresh("full")
    const list = (text: string) => ["a", "b"].map((name) => ({ file: join(folder, name), chunks: bytes(text + name) }))
    Effect.runSync(writeAtomically(list("old ")))
    // The second file's bytes go to a device that is always full.
    const full: Partial<FileSystem> = {
      openSync: (path, flags) =>
        fs.openSync(path.includes(".b.") ? "/dev/full" : path, path.includes(".b.") ? "w" : flags),
      fsyncSync: () => undefined,
    }
    const { tag, message } = failure(on(full, writeAtomically(list("new "))))
    expect(tag).toBe("StorageFailed")
    expect(message).toBe(`cannot write ${join(folder, "b")}: the disk is full (ENOSPC)`)
    expect(filesIn(folder)).toEqual(["a", "b"])
    for (const name of ["a", "b"]) expect(fs.readFileSync(join(folder, name), "utf8")).toBe(`old ${name}`)
  })

  it.each<[string, keyof FileSystem, string]>([
    ["EROFS", "openSync", "the file system is read-only (EROFS)"],
    ["EACCES", "mkdirSync", "no permission (EACCES)"],
    ["EFBIG", "openSync", "the file would be longer than files may be here (EFBIG)"],
    ["ENOSPC", "fsyncSync", "the disk is full (ENOSPC)"],
    ["EPERM", "renameSync", "no permission (EPERM)"],
  ])("on %s says what, where and why", (code, call, reason) => {
    const folder = fresh("refused")
    const file = join(folder, "a")
    const { tag, message } = failure(
      on({ [call]: () => failing(code) }, writeAtomically([{ file, chunks: bytes("x") }])),
    )
    expect(tag).toBe("StorageFailed")
    expect(message).toBe(`cannot write ${file}: ${reason}`)
    expect(filesIn(folder)).toEqual([])
  })

  it("in a folder that a read-only disk does not let be made says so", () => {
    // As Node has it: its recursive form loses the reason.
    const readOnly: Partial<FileSystem> = {
      mkdirSync: (_at: string, how?: object) => failing(how === undefined ? "EROFS" : "ENOENT"),
    }
    const file = join(fresh("nowhere"), "out", "a")
    const { message } = failure(on(readOnly, writeAtomically([{ file, chunks: bytes("x") }])))
    expect(message).toBe(`cannot write ${file}: the file system is read-only (EROFS)`)
  })

  // The administrator may write everywhere.
  it.skipIf(process.getuid?.() === 0)("in a read-only folder says so", () => {
    const folder = fresh("readonly")
    fs.mkdirSync(folder, { mode: 0o500 })
    expect(failure(writeAtomically([{ file: join(folder, "a"), chunks: bytes("x") }])).message).toMatch(/no permission/)
  })

  it("keeps going where the system writes fewer bytes than asked for", () => {
    const file = fresh("slow")
    const slow: Partial<FileSystem> = {
      writeSync: (fd, data, offset) => fs.writeSync(fd, data, offset, 1),
    }
    Effect.runSync(on(slow, writeAtomically([{ file, chunks: bytes("slowly") }])))
    expect(fs.readFileSync(file, "utf8")).toBe("slowly")
  })
})
