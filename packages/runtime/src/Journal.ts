/** Line files that only grow (events, metrics). A line that a crash has torn is cut off when the run goes on. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { failing } from "./Storage.ts"

/** The lines of a journal that are whole; none where there is no file. */
export const lines = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(path).pipe(
    Effect.catchIf(
      (e) => e.reason._tag === "NotFound",
      () => Effect.succeed(""),
    ),
    failing("read", path),
  )
  const whole: Array<unknown> = []
  // What stands behind the last newline was never finished.
  for (const line of text.split("\n").slice(0, -1)) {
    try {
      whole.push(JSON.parse(line))
    } catch {
      break
    }
  }
  return whole
})
