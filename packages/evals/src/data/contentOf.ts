/** What stands for a data file in a task's identity. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { sha256 } from "./sha256.ts"

export interface Content {
  readonly name: string
  /** Of its bytes; null of a file that cannot be read, which its task says when it runs. */
  readonly sha256: string | null
}

/** A path, which is relative to the pipeline's file. */
export const isPath = (file: string | URL): file is string => typeof file === "string" && !file.startsWith("file:")

/**
 * The content of a file that is named by a URL, so that an experiment is the same one wherever its data lie. A path that is relative to
 * the pipeline's file stands for itself: it moves with the pipeline, and the runtime reads its content (`files` of a task).
 */
export const contentOf = (file: string | URL): string | Content => {
  if (isPath(file)) return file
  const path = fileURLToPath(file)
  const name = path.split("/").at(-1) ?? ""
  try {
    return { name, sha256: sha256(readFileSync(path)) }
  } catch {
    return { name, sha256: null }
  }
}
