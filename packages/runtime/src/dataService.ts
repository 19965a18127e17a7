/** The `Data` service over a disk. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { Data } from "hmx"
import * as Jsonl from "./Jsonl.ts"
import type { Questions } from "./Questions.ts"

/** Where a file lies that a pipeline names, and what messages call it. */
export type Locate = (file: string | URL) => { readonly path: string; readonly name: string }

export const dataService = Effect.fnUntraced(function* (
  questions: Pick<Questions, "train" | "heldOut">,
  locate: Locate,
) {
  const fs = yield* FileSystem.FileSystem
  return Data.of({
    jsonl: (file) => {
      const { name, path } = locate(file)
      return Effect.provideService(Jsonl.read(path, name), FileSystem.FileSystem, fs)
    },
    text: (file) => {
      const { name, path } = locate(file)
      return Effect.provideService(Jsonl.readText(path, name), FileSystem.FileSystem, fs)
    },
    heldOut: Effect.succeed(questions.heldOut),
  })
})
