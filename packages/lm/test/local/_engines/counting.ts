import { create as tfjs } from "@hmx/engine-tfjs"
import type { Engine } from "../../../src/index.ts"

/** An engine that counts its attentions in shared memory. */
export const create = async ({ attentions }: { readonly attentions: Int32Array }): Promise<Engine> => {
  const engine = await tfjs()
  const attention = engine.attention.bind(engine)
  engine.attention = (...given) => {
    Atomics.add(attentions, 0, 1)
    Atomics.notify(attentions, 0)
    return attention(...given)
  }
  return engine
}
