/** What is in the engine folder: `engine.json`, written once an engine has loaded. */
import { engineFolder, engineManifest, type EngineManifest, enginesFolder, MANIFEST } from "@hmx/lm"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { join } from "node:path"
import { Machine } from "./Machine.ts"
import { type EngineName, engineNames } from "./recipes.ts"

/** One of the folders of engines. */
export interface Place {
  readonly folder: string
  /** Undefined where there is a folder and no word of a finished install. */
  readonly manifest: EngineManifest | undefined
}

/** Undefined where there is no folder. */
export const installed = Effect.fnUntraced(function* (name: string) {
  const fs = yield* FileSystem.FileSystem
  const { env } = yield* Machine
  const folder = engineFolder(name, env)
  if (!(yield* fs.exists(folder))) return undefined
  const text = yield* Effect.orElseSucceed(fs.readFileString(join(folder, MANIFEST)), () => "")
  return { folder, manifest: engineManifest(text) } satisfies Place
})

/** A folder under which an install is at work, or was. */
export const partialName = (name: string, pid: number): string => `.${name}-${pid}`

/** Folders of installs that did not end, with the process of each. */
export const unfinished = Effect.fnUntraced(function* (name: string) {
  const fs = yield* FileSystem.FileSystem
  const { env } = yield* Machine
  const engines = enginesFolder(env)
  const names = yield* Effect.orElseSucceed(fs.readDirectory(engines), () => [])
  return names.flatMap((entry) => {
    const pid = new RegExp(String.raw`^\.${name}-(\d+)$`).exec(entry)?.[1]
    return pid === undefined ? [] : [{ folder: join(engines, entry), pid: Number(pid) }]
  })
})

/** The engines of which there is half of an install. */
export const halfInstalled = Effect.filter(engineNames, (name) =>
  Effect.gen(function* () {
    const place = yield* installed(name)
    return (place !== undefined && place.manifest === undefined) || (yield* unfinished(name)).length > 0
  }),
)

/** What to do about one of them. */
export const halfInstall = (name: EngineName): string =>
  `engine ${name}: an install that did not finish; \`npx hmx engine install ${name}\` makes it again`
