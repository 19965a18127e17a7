/** The code that a plan runs, as one digest: HMX's own, and that of a pipeline with all that it imports. */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { registerHooks } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** What walks, what is walked, and what most pipelines ask; anything else of HMX's is seen when it is loaded. */
const own = ["hmx", "@hmx/runtime", "@hmx/evals"]

const filesOf = (name: string): ReadonlyArray<string> => {
  const folder = dirname(fileURLToPath(import.meta.resolve(name)))
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.[cm]?[jt]s$/.test(file))
    .map((file) => join(folder, file))
}

/** Sees from now on which files are loaded as code. The function that it returns has the digest of their texts; installed packages are left out. */
export const watchCode = (): (() => string) => {
  const loaded = new Set<string>()
  registerHooks({
    load: (url, context, next) => {
      if (url.startsWith("file:")) loaded.add(fileURLToPath(url))
      return next(url, context)
    },
  })
  return () => {
    const digest = createHash("sha256")
    const files = [...new Set([...own.flatMap(filesOf), ...loaded])].filter((file) => !file.includes("node_modules"))
    for (const file of files.toSorted()) digest.update(`${file}\n`).update(readFileSync(file)).update("\n")
    return digest.digest("hex")
  }
}
