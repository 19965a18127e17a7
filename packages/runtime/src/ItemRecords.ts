/**
 * Records of a benchmark's items in a folder, one JSONL file a task: what is done is appended as it is done, so that an evaluation
 * that was stopped goes on behind it; of a task that is done they lie in the order of its items, so that nobody sees where it was
 * stopped. The file of a task is named after it, with what a file's name cannot have written as %XX.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { ItemRecord, type Records } from "hmx"
import * as Journal from "./Journal.ts"
import { appendTo, failing, makeFolders, writeFile } from "./Storage.ts"

const fileOf = (folder: string, task: string): string => `${folder}/${encodeURIComponent(task)}.jsonl`
const decode = Schema.decodeUnknownOption(ItemRecord)

/** The records of a task by id, in the order in which they were made; none where there is no file. What is no record is left out. */
export const read = Effect.fnUntraced(function* (folder: string, task: string) {
  const found = new Map<string, ItemRecord>()
  for (const line of yield* Journal.lines(fileOf(folder, task))) {
    const record = decode(line)
    if (record._tag === "Some") found.set(record.value.id, record.value)
  }
  return [...found.values()]
})

/** The tasks that have a file in the folder, by name. */
export const tasks = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const names = yield* fs.readDirectory(folder).pipe(
    Effect.catchIf(
      (e) => e.reason._tag === "NotFound",
      () => Effect.succeed<Array<string>>([]),
    ),
    failing("read", folder),
  )
  return names
    .flatMap((name) => (/^[^.].*\.jsonl$/.test(name) ? [named(name.slice(0, -".jsonl".length))] : []))
    .toSorted()
})

/** A file that nobody of HMX has named stands for itself. */
const named = (name: string): string => {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

const lines = (records: ReadonlyArray<ItemRecord>): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join("")

/** Keeps records in the folder, which is made when the first task begins. */
export const inFolder = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const service: (typeof Records)["Service"] = {
    begin: (task) =>
      Effect.gen(function* () {
        const path = fileOf(folder, task)
        yield* failing("make", folder)(makeFolders(folder))
        const found = yield* read(folder, task)
        // A line that a crash has torn would run into the next one.
        if (found.length > 0 || (yield* failing("read", path)(fs.exists(path)))) yield* writeFile(path, lines(found))
        return found
      }).pipe(Effect.provideService(FileSystem.FileSystem, fs)),
    keep: (task, records) =>
      Effect.scoped(Effect.flatMap(appendTo(fileOf(folder, task)), (append) => append(records))).pipe(
        Effect.uninterruptible,
        Effect.provideService(FileSystem.FileSystem, fs),
      ),
    end: (task, records) =>
      Effect.gen(function* () {
        const path = fileOf(folder, task)
        const text = lines(records)
        const lying = fs.readFileString(path).pipe(
          Effect.catchIf(
            (e) => e.reason._tag === "NotFound",
            () => Effect.succeed(""),
          ),
          failing("read", path),
        )
        if ((yield* lying) !== text) yield* writeFile(path, text)
      }).pipe(Effect.provideService(FileSystem.FileSystem, fs)),
  }
  return service
})

/** The same, saying after each block how many items of a task are done. */
export const counted = (
  { begin, end, keep }: (typeof Records)["Service"],
  say: (task: string, done: number, total: number) => Effect.Effect<void>,
): (typeof Records)["Service"] => {
  const counts = new Map<string, { done: number; total: number }>()
  return {
    begin: (task, items) =>
      Effect.tap(begin(task, items), (found) =>
        Effect.sync(() => counts.set(task, { done: found.length, total: items })),
      ),
    keep: (task, records) =>
      Effect.andThen(
        keep(task, records),
        Effect.suspend(() => {
          const count = counts.get(task) ?? { done: 0, total: 0 }
          count.done += records.length
          return say(task, count.done, count.total)
        }),
      ),
    end,
  }
}
