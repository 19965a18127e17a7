/** `hmx engine remove NAME`: deletes what `hmx engine install` made. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { Refused } from "../Refused.ts"
import { engineName } from "./engineName.ts"
import { atWork, installed, unfinished } from "./Installed.ts"

export const remove = Effect.fnUntraced(function* (options: { readonly name: string }) {
  const name = yield* engineName(options.name)
  const fs = yield* FileSystem.FileSystem
  const place = yield* installed(name)
  const left = yield* unfinished(name)
  const dead = left.filter(({ living }) => !living)
  const folders = [...(place === undefined ? [] : [place.folder]), ...dead.map(({ folder }) => folder)]
  const other = left.find(({ living }) => living)
  if (folders.length === 0)
    yield* new Refused({
      message:
        other === undefined
          ? `engine ${name} is not in HMX's engine folder (one of Python's or of your own is not HMX's to remove); see: npx hmx engine ls`
          : atWork(name, other),
    })
  for (const folder of folders) yield* fs.remove(folder, { recursive: true, force: true })
  process.stdout.write(`${folders.map((folder) => `removed ${folder}`).join("\n")}\n`)
})
