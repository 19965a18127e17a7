/** `hmx runs rm RUN`: deletes a run's folder, or that of a contrast's or sweep's arms. */
import { escape } from "@hmx/report"
import { ArmsFolder, RunFolder } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { Errors } from "hmx"
import { resolve } from "node:path"
import { createInterface } from "node:readline/promises"
import { shown } from "./paths.ts"

export interface Options {
  readonly runs: ReadonlyArray<string>
  readonly yes: boolean
}

export const remove = Effect.fnUntraced(function* ({ runs, yes }: Options) {
  const fs = yield* FileSystem.FileSystem
  const folders = runs.map((run) => shown(resolve(run)))
  // All are looked at before the first goes.
  for (const folder of folders) {
    // Under a file there is nothing to look at.
    const isRun = yield* Effect.orElseSucceed(fs.exists(`${folder}/experiment.json`), () => false)
    if (!isRun && !(yield* ArmsFolder.is(folder))) {
      return yield* new Errors.BadInput({ where: escape(folder), found: "no run", expected: "the folder of a run" })
    }
    const pid = yield* RunFolder.inWork(folder)
    if (pid !== undefined) {
      const expected = "a run that nobody works on (delete its lock where that process is no run of hmx)"
      return yield* new Errors.BadInput({ where: escape(folder), found: `process ${pid} at work`, expected })
    }
  }
  if (!yes && !(yield* agreed(folders))) return undefined
  for (const folder of folders) {
    yield* RunFolder.remove(folder)
    process.stdout.write(`removed ${escape(folder)}\n`)
  }
  return undefined
})

/** Asks a person; where there is none, `--yes` must have said so. */
const agreed = Effect.fnUntraced(function* (folders: ReadonlyArray<string>) {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    const expected = "--yes, where nobody can be asked"
    return yield* new Errors.BadInput({ where: "hmx runs rm", found: "no terminal", expected })
  }
  const ask = createInterface({ input: process.stdin, output: process.stdout })
  const answer = yield* Effect.ensuring(
    Effect.promise(() => ask.question(`remove ${folders.map((f) => escape(f)).join(", ")}? [y/N] `)),
    Effect.sync(() => ask.close()),
  )
  return /^y(es)?$/i.test(answer.trim())
})
