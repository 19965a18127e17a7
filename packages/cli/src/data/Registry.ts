/** What `hmx data add` has taken in, in HMX's own data folder. */
import { readRegistry, Registry, type RegistryEntry, registryOf } from "@hmx/evals"
import { failing, makeFolders, writeFile } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import { dataFolder } from "./places.ts"

export const read = Effect.suspend(() => Effect.fromResult(readRegistry(dataFolder())))

export const fileOf = ({ dataset, file }: Pick<RegistryEntry, "dataset" | "file">): string =>
  join(dataFolder(), dataset, file)

/** Writes files and then their entries, which take the place of earlier ones of the same files. */
export const add = Effect.fnUntraced(function* (added: ReadonlyArray<RegistryEntry & { readonly text: string }>) {
  for (const entry of added) {
    const folder = join(dataFolder(), entry.dataset)
    yield* failing("make", folder)(makeFolders(folder))
    yield* writeFile(fileOf(entry), entry.text)
  }
  const replaced = new Set(added.map(fileOf))
  const kept = (yield* read).filter((entry) => !replaced.has(fileOf(entry)))
  const entries: unknown = JSON.parse(Schema.encodeSync(Registry)([...kept, ...added]))
  yield* writeFile(registryOf(dataFolder()), `${JSON.stringify(entries, null, 2)}\n`)
})
