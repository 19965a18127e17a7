/** Commands that look into HMX's home. */
import { enginesFolder, homeFolder } from "@hmx/lm"
import { failing } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { PlatformError } from "effect/PlatformError"
import { Errors } from "hmx"
import { statSync } from "node:fs"
import { dirname } from "node:path"
import { Machine } from "./Machine.ts"

/** The first of a path's folders that is there; undefined for one that is a folder, or cannot be looked at. */
const fileAbove = (path: string): string | undefined => {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found !== undefined) return found.isDirectory() ? undefined : path
  return dirname(path) === path ? undefined : fileAbove(dirname(path))
}

const fileIn = (path: string): string | undefined => {
  try {
    return fileAbove(path)
  } catch (error) {
    // Below a file.
    return error instanceof Error && "code" in error && error.code === "ENOTDIR" ? fileIn(dirname(path)) : undefined
  }
}

/** Runs a command whose failures of the file system are the home's; a file where the home should be is said first. */
export const inHome = <A, E, R>(command: Effect.Effect<A, E | PlatformError, R>) =>
  Effect.gen(function* () {
    const { env } = yield* Machine
    const engines = enginesFolder(env)
    const file = fileIn(engines)
    if (file !== undefined)
      return yield* new Errors.BadInput({
        where: env["HMX_HOME"] === homeFolder(env) ? "HMX_HOME" : homeFolder(env),
        found: `a file, ${file}`,
        expected: "a folder, or a place where one can be made",
      })
    return yield* Effect.catchIf(
      command,
      (error): error is PlatformError => error instanceof PlatformError,
      (error) => failing("use", engines)(Effect.fail(error)),
    )
  })
