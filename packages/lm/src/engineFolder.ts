import { homedir } from "node:os"
import { join } from "node:path"

/** What of the environment says where HMX keeps things. */
export type Env = { readonly [name: string]: string | undefined }

const given = (text: string | undefined): string | undefined => (text === "" ? undefined : text)

/** The folder of HMX's own engines: `engines` in `HMX_HOME`, or in `hmx` of the cache folder (XDG_CACHE_HOME, ~/.cache). */
export const enginesFolder = (env: Env): string => {
  const cache = () => given(env["XDG_CACHE_HOME"]) ?? join(homedir(), ".cache")
  return join(given(env["HMX_HOME"]) ?? join(cache(), "hmx"), "engines")
}

/** Where the engine of that name is, once `hmx engine install` has made it. */
export const engineFolder = (name: string, env: Env): string => join(enginesFolder(env), name)
