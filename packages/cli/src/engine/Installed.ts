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

/** Where what stood there before goes, until the new one stands. */
export const oldName = (name: string, pid: number): string => `${partialName(name, pid)}-old`

/** In a folder of an install: when its process began. Process ids are given out again. */
export const BIRTH = ".process"

/** A folder that an install has beside an engine's name. */
export interface Unfinished {
  readonly folder: string
  readonly pid: number
  /** What was being made, or what stood there before. */
  readonly kind: "new" | "old"
  /** Its process is at work. */
  readonly living: boolean
  /** Of a whole engine: it was about to get the engine's name, or had it. */
  readonly manifest: EngineManifest | undefined
}

/** Folders of installs that did not end, or have not yet. */
export const unfinished = Effect.fnUntraced(function* (name: string) {
  const fs = yield* FileSystem.FileSystem
  const { alive, birth, env, pid: own } = yield* Machine
  const engines = enginesFolder(env)
  const text = (folder: string, file: string) =>
    Effect.orElseSucceed(fs.readFileString(join(engines, folder, file)), () => undefined)
  const names = yield* Effect.orElseSucceed(fs.readDirectory(engines), (): Array<string> => [])
  const found: Array<Unfinished> = []
  for (const entry of names) {
    const [, digits, old] = new RegExp(String.raw`^\.${name}-(\d+)(-old)?$`).exec(entry) ?? []
    if (digits === undefined) continue
    const pid = Number(digits)
    // What stood there before goes with what was being made, and says no more.
    const born = (yield* text(partialName(name, pid), BIRTH))?.trim()
    const gone = old !== undefined && !names.includes(partialName(name, pid))
    const now = born === undefined ? undefined : birth(pid)
    found.push({
      folder: join(engines, entry),
      pid,
      kind: old === undefined ? "new" : "old",
      living: pid !== own && !gone && alive(pid) && (now === undefined || now === born),
      manifest: engineManifest(yield* text(entry, MANIFEST)),
    })
  }
  return found
})

/** The engines of which there is half of an install. */
export const halfInstalled = Effect.filter(engineNames, (name) =>
  Effect.gen(function* () {
    const place = yield* installed(name)
    const dead = (yield* unfinished(name)).filter(({ living }) => !living)
    return (place !== undefined && place.manifest === undefined) || dead.length > 0
  }),
)

/** That another process is at it, and what to do where it is none of HMX's. */
export const atWork = (name: string, { folder, pid }: Unfinished): string =>
  `engine ${name} is being installed by process ${pid}: wait for it, or end it (where that is no install of HMX's, delete ${folder})`

/** What to do about one of them. */
export const halfInstall = (name: EngineName): string =>
  `engine ${name}: an install that did not finish; \`npx hmx engine install ${name}\` makes it again`
