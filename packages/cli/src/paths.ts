/** Paths as messages show them, and as a pipeline means them. */
import { dirname, isAbsolute, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** Relative to the working directory where it lies under it. */
export const shown = (path: string): string => {
  const short = relative(process.cwd(), path)
  return short === "" ? "." : short.startsWith("..") || isAbsolute(short) ? path : short
}

/** Where files lie that a pipeline in `file` names: relative to its own folder. */
export const locateFrom =
  (file: string) =>
  (named: string | URL): { readonly path: string; readonly name: string } => {
    const path =
      typeof named === "string" && !named.startsWith("file:") ? resolve(dirname(file), named) : fileURLToPath(named)
    return { path, name: shown(path) }
  }
