/** `engine.json` in an engine's folder: written last, once the engine has loaded there. Without it the folder is half of an install. */

/** What an install leaves behind. */
export interface EngineManifest {
  readonly name: string
  /** Of the wheel, as it is pinned. */
  readonly version: string
  readonly cuda: boolean
  /** As the engine said it when it was loaded. */
  readonly device: string
}

/** The name of the file. */
export const MANIFEST = "engine.json"

/** What the file's text says; undefined where there is none, or where it is no such text. */
export const engineManifest = (text: string | undefined): EngineManifest | undefined => {
  const found = parsed(text)
  if (typeof found !== "object" || found === null) return undefined
  if (!("name" in found && "version" in found && "cuda" in found && "device" in found)) return undefined
  const { cuda, device, name, version } = found
  return typeof name === "string" &&
    typeof version === "string" &&
    typeof cuda === "boolean" &&
    typeof device === "string"
    ? { name, version, cuda, device }
    : undefined
}

const parsed = (text: string | undefined): unknown => {
  try {
    return JSON.parse(text ?? "")
  } catch {
    return undefined
  }
}
