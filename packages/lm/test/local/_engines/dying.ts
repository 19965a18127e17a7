import { create as tfjs } from "@hmx/engine-tfjs"
import type { Engine } from "../../../src/index.ts"

/** An engine whose device is lost in the first attention. */
export const create = async (): Promise<Engine> => {
  const engine = await tfjs()
  engine.attention = () => process.exit(3)
  return engine
}
