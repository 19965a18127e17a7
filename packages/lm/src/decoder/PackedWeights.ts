import type { Engine, LoraWeights, Tensor } from "../Engine.ts"
import { EngineOutOfMemory } from "../Engine.ts"
import type { Decoder } from "./Decoder.ts"
import type { LinearName } from "./DecoderSpec.ts"
import type { LayerLora, Project } from "./forward.ts"
import { project } from "./forward.ts"
import { biasOf, inputGroups } from "./inputGroups.ts"
import { merged } from "./merged.ts"
import type { Weights } from "./Weights.ts"

/** A group's weights. */
interface Packed {
  readonly names: ReadonlyArray<LinearName>
  /** Outputs of each. */
  readonly outputs: ReadonlyArray<number>
  readonly weight: Tensor
  readonly bias: Tensor | undefined
}
type PackedLayer = ReadonlyMap<LinearName, Packed>

/** What a sampling call computes with. */
export interface SamplingWeights {
  readonly head: Tensor
  readonly project: (layer: number) => Project | undefined
  /** Weights of which sampling reads no more than a few rows at a time. */
  readonly cold: ReadonlyArray<Tensor>
  /** Frees what was made for the call's adapter. */
  readonly free: () => void
}

/**
 * The weights of a decoder laid out for sampling, where its engine has such a layout (`Engine.packed`): all rows of all calls are computed with it, so
 * that what is sampled does not depend on how many there are. Made when first asked for, one layer after the other, and kept until `free`.
 * Where memory has no room for it, though `makeRoom` has given up all it could, the weights as they are serve from then on: what was idle in memory
 * must not decide a sample's last digits.
 */
export class PackedWeights {
  readonly #engine: Engine
  readonly #weights: Weights
  readonly #merges: boolean
  readonly #makeRoom: () => boolean
  #made: Array<Tensor> = []
  #layers: ReadonlyArray<PackedLayer> | undefined
  #head: Tensor | undefined
  #fits = true

  /** `makeRoom` frees something that can be done without, and says whether there was anything. Default: there is nothing. */
  constructor({ engine, merges, weights }: Decoder, makeRoom = () => false) {
    this.#makeRoom = makeRoom
    this.#engine = engine
    this.#weights = weights
    this.#merges = merges === true
  }

  /** Whether there is a copy. */
  get made(): boolean {
    return this.#made.length > 0
  }

  /** The weights, with an adapter's laid out beside them for this call. */
  of(lora: ReadonlyArray<LayerLora> | undefined): SamplingWeights {
    const engine = this.#engine
    const weights = this.#weights
    if (this.#merges) return this.#merged(lora)
    const layers = this.#packed()
    const beside: Array<Tensor> = []
    const keep = (t: Tensor): Tensor => {
      beside.push(engine.keep(t))
      return t
    }
    try {
      const adapters = layers.map((packed, i) => {
        const given = lora?.[i]
        const found = new Map<Packed, LoraWeights>()
        if (given !== undefined)
          for (const group of new Set(packed.values())) {
            const stacked = stackLora(engine, group, given, keep)
            if (stacked !== undefined) found.set(group, stacked)
          }
        return found
      })
      return {
        head: this.#head ?? weights.head,
        project: (layer) => {
          const packed = layers[layer]
          const own = weights.layers[layer]
          if (own === undefined) throw new Error(`the decoder has no layer ${layer}`)
          const plain = project(engine, own, lora?.[layer])
          if (packed === undefined || packed.size === 0) return plain
          return (input, names) => {
            const group = packed.get(names[0] ?? "self_attn.q_proj")
            if (group === undefined || names.length !== group.names.length) return plain(input, names)
            const y = engine.linear(input, group.weight, { bias: group.bias, lora: adapters[layer]?.get(group) })
            if (names.length === 1) return [y]
            let at = 0
            return group.outputs.map((n) => engine.slice(y, 1, (at += n) - n, n))
          }
        },
        // Unless the head, which may be the same tensor, is read whole from it.
        cold: this.#head === undefined ? [] : [weights.embedding],
        free: () => engine.free(...beside.splice(0)),
      }
    } catch (error) {
      engine.free(...beside)
      throw error
    }
  }

  free(): void {
    this.#engine.free(...this.#made.splice(0))
    this.#layers = undefined
    this.#head = undefined
  }

  #merged(lora: ReadonlyArray<LayerLora> | undefined): SamplingWeights {
    const engine = this.#engine
    const { head, layers } = this.#weights
    const kept: Array<Tensor> = []
    const free = () => engine.free(...kept.splice(0))
    try {
      const projects = layers.map((layer, i) => {
        let project: Project | undefined
        engine.scope(() => {
          const { made, ...rest } = merged(engine, layer, lora?.[i])
          for (const t of made) kept.push(engine.keep(t))
          ;({ project } = rest)
        })
        return project
      })
      return { head, project: (layer) => projects[layer], cold: [], free }
    } catch (error) {
      free()
      throw error
    }
  }

  #packed(): ReadonlyArray<PackedLayer> {
    if (this.#layers !== undefined) return this.#layers
    const engine = this.#engine
    if (engine.packed === undefined || !this.#fits) return []
    const keep = (t: Tensor | undefined): Tensor | undefined => {
      if (t !== undefined) this.#made.push(engine.keep(t))
      return t
    }
    try {
      const layers = this.#weights.layers.map((layer) => {
        const found = new Map<LinearName, Packed>()
        for (const names of inputGroups) {
          const weight = keep(engine.packed?.(names.map((name) => layer[name])))
          if (weight === undefined) continue
          const bias = keep(biasOf(engine, layer, names))
          const outputs = names.map((name) => layer[name].shape[0] ?? 0)
          for (const name of names) found.set(name, { names, outputs, weight, bias })
        }
        return found
      })
      this.#head = keep(engine.packed([this.#weights.head]))
      this.#layers = layers
      // Weights were put together on the way.
      engine.trim?.()
      return layers
    } catch (error) {
      this.free()
      if (!(error instanceof EngineOutOfMemory)) throw error
      if (this.#makeRoom()) return this.#packed()
      this.#fits = false
      return []
    }
  }
}

/**
 * LoRA of a group as LoRA of its stacked weight: the a one under another, each b in rows and columns of its own among zeros, times the scale. The zeros
 * change no bit.
 */
const stackLora = (
  engine: Engine,
  { names, outputs }: Packed,
  lora: LayerLora,
  keep: (t: Tensor) => Tensor,
): LoraWeights | undefined => {
  const given = names.map((name) => lora[name])
  const present = given.flatMap((one) => one ?? [])
  const ranks = given.map((one) => one?.a.shape[0] ?? 0)
  const all = ranks.reduce((sum, r) => sum + r, 0)
  if (all === 0) return undefined
  return engine.scope(() => {
    let before = 0
    const b = given.map((one, i) => {
      const rows = outputs[i] ?? 0
      const rank = ranks[i] ?? 0
      const own = one === undefined ? [] : [engine.scale(one.b, one.scale)]
      const parts = [...zeros(engine, rows, before), ...own, ...zeros(engine, rows, all - before - rank)]
      before += rank
      return parts.length === 1 ? parts : [engine.concat(parts, 1)]
    })
    const stacked = [present.map(({ a }) => a), b.flat()] as const
    // One that is too small for the layout keeps the other out of it: their products follow each other.
    const [packedA, packedB] = [engine.packed?.(stacked[0]), engine.packed?.(stacked[1])]
    if (packedA !== undefined && packedB !== undefined) return { a: keep(packedA), b: keep(packedB), scale: 1 }
    return { a: keep(engine.concat(stacked[0], 0)), b: keep(engine.concat(stacked[1], 0)), scale: 1 }
  })
}

/** As a list, which is empty where the matrix is. */
const zeros = (engine: Engine, rows: number, columns: number): ReadonlyArray<Tensor> =>
  rows * columns === 0 ? [] : [engine.upload(new Float32Array(rows * columns), [rows, columns], "f32")]
