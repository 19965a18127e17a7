/** Room where memory ran out: what is idle is given up step by step, and the call is computed again. What it returns has the same bits. */
import type { PackedWeights } from "../decoder/PackedWeights.ts"
import { EngineOutOfMemory } from "../Engine.ts"
import type { Lora } from "../lora/Lora.ts"
import type { PrefixCache } from "../pack/PrefixCache.ts"

/** What a call can do without, beside kept prefixes and moments. */
export interface Idle {
  /** Sampling's own layout of the weights. */
  readonly packed: boolean
}

export class Room {
  readonly #prefixes: PrefixCache
  readonly #packed: PackedWeights
  readonly #adapters: ReadonlyMap<string, Lora>

  constructor(prefixes: PrefixCache, packed: PackedWeights, adapters: ReadonlyMap<string, Lora>) {
    this.#prefixes = prefixes
    this.#packed = packed
    this.#adapters = adapters
  }

  /** Gives up the first that is there of kept prefixes, packed weights, and all optimisers' moments (to the host). False: none is. */
  make({ packed }: Idle): boolean {
    if (this.#prefixes.bytes > 0) {
      this.#prefixes.clear()
      return true
    }
    if (packed && this.#packed.made) {
      this.#packed.free()
      return true
    }
    return [...this.#adapters.values()].filter((lora) => lora.offload()).length > 0
  }

  /** Computes, and `again` with more room until there is enough. A second time must keep nothing of what was given up. */
  within<A>(idle: Idle, run: (again: boolean) => A): A {
    for (let again = false; ; again = true)
      try {
        return run(again)
      } catch (thrown) {
        if (!(thrown instanceof EngineOutOfMemory) || !this.make(idle)) throw thrown
      }
  }
}
