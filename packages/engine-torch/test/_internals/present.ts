/** Whether this machine has a libtorch: what needs one is skipped without, and the run says so. */
import { findTorch, here } from "../../src/findTorch.ts"

function lookForTorch(): string | undefined {
  try {
    findTorch(here)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Why the engine is absent; undefined where it is present. */
export const absent = lookForTorch()
if (absent !== undefined) console.warn(`engine torch is absent, its tests are skipped. ${absent}`)
