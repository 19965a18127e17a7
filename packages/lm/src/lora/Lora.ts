import { createHash } from "node:crypto"
import { Errors } from "hmx"
import type { DecoderSpec } from "../decoder/DecoderSpec.ts"
import { linearShape } from "../decoder/DecoderSpec.ts"
import type { LayerLora } from "../decoder/forward.ts"
import type { Weights } from "../decoder/Weights.ts"
import type { AdamWState, Engine, Tensor } from "../Engine.ts"
import { floats } from "../pack/floats.ts"
import { stream } from "../random/index.ts"
import type { Gradients, LayerParameters } from "../train/differentiate.ts"
import type { LoraConfig, LoraState, LoraTarget } from "./LoraConfig.ts"
import { loraTargets, modulePath, peftKey } from "./LoraConfig.ts"

/** One trained tensor with its gradient and its optimiser's moments. All tensors are kept. */
export interface Parameter {
  /** PEFT's name. */
  readonly key: string
  tensor: Tensor
  gradient: Tensor | undefined
  moments: AdamWState | undefined
  /** In place of `moments` while they are on the host. */
  away: Moments | undefined
}

/** AdamW's moments of one parameter, on the host. */
export interface Moments {
  readonly m: Float32Array
  readonly v: Float32Array
  readonly shape: ReadonlyArray<number>
}

/** The optimiser on the host; moments by PEFT's keys, none before the first step. */
export interface OptimizerState {
  readonly steps: number
  readonly moments: ReadonlyMap<string, Moments>
}

interface Pair extends LoraTarget {
  readonly a: Parameter
  readonly b: Parameter
}

/** An adapter on the engine: LoRA (Hu et al. 2021) beside some linear layers of a decoder. */
export class Lora {
  readonly config: LoraConfig
  readonly #engine: Engine
  readonly #layers: ReadonlyArray<ReadonlyArray<Pair>>
  /** In the model's order: of every target A, then B. */
  readonly parameters: ReadonlyArray<Parameter>
  /** Optimiser steps so far. */
  steps = 0
  /** Whether a gradient has been gathered since the last step. */
  gathered = false

  private constructor(engine: Engine, spec: DecoderSpec, state: LoraState) {
    this.config = state.config
    this.#engine = engine
    const upload = (key: string, shape: ReadonlyArray<number>): Parameter => {
      const found = state.tensors.get(key)
      if (found === undefined || found.shape.join() !== shape.join())
        throw new Errors.BadInput({
          where: `adapter, tensor ${key}`,
          found: found === undefined ? "nothing" : `shape [${found.shape.join(", ")}]`,
          expected: `shape [${shape.join(", ")}]`,
        })
      const tensor = engine.keep(engine.upload(found.data, shape, "f32"))
      return { key, tensor, gradient: undefined, moments: undefined, away: undefined }
    }
    const made: Array<Pair> = []
    try {
      for (const target of loraTargets(spec, state.config)) {
        const { layer, linear, rank } = target
        const [out, input] = linearShape(spec, linear)
        const a = upload(peftKey(layer, linear, "A"), [rank, input])
        made.push({ ...target, a, b: a })
        made[made.length - 1] = { ...target, a, b: upload(peftKey(layer, linear, "B"), [out, rank]) }
      }
      for (const key of state.tensors.keys())
        if (!made.some(({ a, b }) => a.key === key || b.key === key))
          throw new Errors.BadInput({
            where: `adapter, tensor ${key}`,
            found: "a tensor of a module that its configuration does not target",
            expected: "none of that name",
          })
    } catch (error) {
      engine.free(...made.flatMap(({ a, b }) => [a.tensor, b.tensor]))
      throw error
    }
    this.#layers = Array.from({ length: spec.layers }, (_, layer) => made.filter((pair) => pair.layer === layer))
    this.parameters = made.flatMap(({ a, b }) => [a, b])
  }

  /** An adapter with these tensors. Throws BadInput where they do not fit the model or the configuration. */
  static load(engine: Engine, spec: DecoderSpec, state: LoraState): Lora {
    return new Lora(engine, spec, state)
  }

  /** PEFT's initialisation: A uniform within ±1/√in (Kaiming-uniform with a = √5), B zero. */
  static create(engine: Engine, spec: DecoderSpec, config: LoraConfig, seed: number): Lora {
    const tensors = new Map<string, { readonly data: Float32Array; readonly shape: ReadonlyArray<number> }>()
    for (const { layer, linear, rank } of loraTargets(spec, config)) {
      const [out, input] = linearShape(spec, linear)
      const bound = 1 / Math.sqrt(input)
      const numbers = stream(seed, `lora ${modulePath(layer, linear)}`)
      tensors.set(peftKey(layer, linear, "A"), {
        data: numbers.uniform(rank * input, -bound, bound),
        shape: [rank, input],
      })
      tensors.set(peftKey(layer, linear, "B"), { data: new Float32Array(out * rank), shape: [out, rank] })
    }
    return new Lora(engine, spec, { config, tensors })
  }

  /** What the decoder's blocks take. */
  get layers(): ReadonlyArray<LayerLora> {
    return this.#layers.map((pairs) => bind(pairs, []))
  }

  /** The blocks' parameters for `differentiate`: the base's weights are constants. */
  trainable(weights: Weights): ReadonlyArray<LayerParameters> {
    return weights.layers.map((base, i) => {
      const pairs = this.#layers[i] ?? []
      return {
        params: pairs.flatMap(({ a, b }) => [a.tensor, b.tensor]),
        bind: (params) => ({ weights: base, lora: bind(pairs, params) }),
      }
    })
  }

  /** Adds to the gathered gradient. Throws NonFinite, and adds nothing, where a gradient is not finite. */
  gather(gradients: Gradients): void {
    const engine = this.#engine
    const added = this.#layers.flatMap((pairs, i) =>
      pairs
        .flatMap(({ a, b }) => [a, b])
        .flatMap((parameter, j) => {
          const gradient = gradients.layers[i]?.[j]
          return gradient === undefined ? [] : [{ parameter, gradient }]
        }),
    )
    if (!Number.isFinite(engine.sumSquares(added.map(({ gradient }) => gradient)))) {
      const first = added.find(({ gradient }) => !Number.isFinite(engine.sumSquares([gradient])))
      engine.free(...added.map(({ gradient }) => gradient))
      throw new Errors.NonFinite({ tensor: `gradient of ${first?.parameter.key ?? "the adapter"}` })
    }
    // All sums before the first is taken: where memory runs out, nothing has been added.
    const sums = engine.scope(() =>
      added.map(({ parameter, gradient }) =>
        parameter.gradient === undefined ? gradient : engine.add(parameter.gradient, gradient),
      ),
    )
    added.forEach(({ parameter, gradient }, i) => {
      const sum = sums[i]
      if (sum === undefined) return
      engine.free(parameter.gradient)
      parameter.gradient = engine.keep(sum)
      if (sum !== gradient) engine.free(gradient)
    })
    this.gathered = true
  }

  /** The key of the first tensor that holds a NaN or an infinity. */
  firstNonFinite(): string | undefined {
    return this.parameters.find(({ tensor }) => !Number.isFinite(this.#engine.sumSquares([tensor])))?.key
  }

  zeroGrad(): void {
    for (const parameter of this.parameters) {
      this.#engine.free(parameter.gradient)
      parameter.gradient = undefined
    }
    this.gathered = false
  }

  /** The adapter on the host. */
  state(): LoraState {
    return {
      config: this.config,
      tensors: new Map(
        this.parameters.map(({ key, tensor }) => [key, { data: floats(this.#engine, tensor), shape: tensor.shape }]),
      ),
    }
  }

  /** Moments stay where they are. */
  optimizerState(): OptimizerState {
    const moments = this.parameters.flatMap((parameter) => {
      const found = this.#momentsOf(parameter)
      return found === undefined ? [] : [[parameter.key, found] as const]
    })
    return { steps: this.steps, moments: new Map(moments) }
  }

  /** Moves the moments to the host, bit for bit, until the next `optimStep`. Says whether there were any on the engine. */
  offload(): boolean {
    let moved = false
    for (const parameter of this.parameters) {
      const { moments } = parameter
      if (moments === undefined) continue
      parameter.away = this.#momentsOf(parameter)
      parameter.moments = undefined
      this.#engine.free(moments.m, moments.v)
      moved = true
    }
    return moved
  }

  #momentsOf({ away, moments, tensor }: Parameter): Moments | undefined {
    if (moments === undefined) return away
    return { m: floats(this.#engine, moments.m), v: floats(this.#engine, moments.v), shape: tensor.shape }
  }

  /** The moments stay on the host until the next `optimStep`. */
  setOptimizer({ steps, moments }: OptimizerState): void {
    for (const parameter of this.parameters) {
      this.#engine.free(parameter.moments?.m, parameter.moments?.v)
      parameter.moments = undefined
      parameter.away = moments.get(parameter.key)
    }
    this.steps = steps
  }

  /** First 16 hex digits of sha-256 over the f32 bytes of all tensors, in the order of PEFT's keys. */
  digest(): string {
    const hash = createHash("sha256")
    const sorted = this.parameters.toSorted((a, b) => (a.key < b.key ? -1 : 1))
    for (const { tensor } of sorted) {
      const data = floats(this.#engine, tensor)
      hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    }
    return hash.digest("hex").slice(0, 16)
  }

  free(): void {
    for (const { tensor, gradient, moments } of this.parameters)
      this.#engine.free(tensor, gradient, moments?.m, moments?.v)
  }
}

/** LoRA of a layer with `params` in the places of its tensors, A and B by turns. */
const bind = (pairs: ReadonlyArray<Pair>, params: ReadonlyArray<Tensor>): LayerLora =>
  Object.fromEntries(
    pairs.map(({ linear, a, b, scale }, i) => [
      linear,
      { a: params[2 * i] ?? a.tensor, b: params[2 * i + 1] ?? b.tensor, scale },
    ]),
  )
