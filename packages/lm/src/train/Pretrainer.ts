/**
 * Training all weights of a decoder from nothing: weighted cross-entropy over every position, Muon on the blocks' matrices and
 * AdamW on the rest. For models as small as nano; everything is in f32 and stays on the engine between steps.
 */
import { Errors } from "hmx"
import type { DecoderSpec } from "../decoder/DecoderSpec.ts"
import { linearNames, weightShapes } from "../decoder/DecoderSpec.ts"
import type { Decoder } from "../decoder/Decoder.ts"
import { freeRopes, ropeTables } from "../decoder/rope.ts"
import type { Ropes } from "../decoder/rope.ts"
import { weightsOf } from "../decoder/Weights.ts"
import type { AdamWState, Engine, Tensor } from "../Engine.ts"
import { pack } from "../pack/pack.ts"
import { floats } from "../pack/floats.ts"
import { stream } from "../random/index.ts"
import type { Gradients, LayerParameters } from "./differentiate.ts"
import { differentiate } from "./differentiate.ts"
import { muon } from "./muon.ts"

/** A text to learn from. */
export interface PretrainSequence {
  readonly ids: ReadonlyArray<number>
  /** Of predicting each token from those before it; the first one's is not read. */
  readonly weights: ReadonlyArray<number>
}

export interface PretrainOptions {
  /** Of the matrices. Default 6e-3. */
  readonly muonRate?: number
  /** Of embedding and norms. Default 3e-3. */
  readonly adamRate?: number
  /** Of the global norm of all gradients. Default 1. */
  readonly maxGradNorm?: number
}

export interface PretrainResult {
  /** Σ weight · (−log p) / Σ weight. */
  readonly loss: number
  /** Before clipping. */
  readonly gradNorm: number
}

/** A tensor on the host. */
export interface HostArray {
  readonly data: Float32Array
  readonly shape: ReadonlyArray<number>
}

interface Trained {
  readonly name: string
  /** Muon's momentum, or AdamW's moments. */
  readonly by: "muon" | "adamW"
  tensor: Tensor
  first: Tensor
  second: Tensor | undefined
}

const isMatrix = (name: string) => linearNames.some((linear) => name.endsWith(`${linear}.weight`))

/** N(0, 0.02); the layers that write to the residual stream are divided by √(2 layers) (GPT-2); norms are 1. */
const initial = (spec: DecoderSpec, seed: number, name: string, shape: ReadonlyArray<number>): Float32Array => {
  const length = shape.reduce((a, b) => a * b, 1)
  if (name.endsWith(".bias")) return new Float32Array(length)
  if (name.includes("norm")) return new Float32Array(length).fill(1)
  const residual = name.endsWith("o_proj.weight") || name.endsWith("down_proj.weight")
  return stream(seed, `weights ${name}`).normal(length, 0, residual ? 0.02 / Math.sqrt(2 * spec.layers) : 0.02)
}

export class Pretrainer {
  readonly spec: DecoderSpec
  readonly #engine: Engine
  readonly #rope: Ropes
  readonly #trained: ReadonlyArray<Trained>
  #steps: number

  private constructor(engine: Engine, spec: DecoderSpec, read: (key: string) => HostArray, steps: number) {
    if (spec.normLessOne === true)
      throw new Errors.BadInput({
        where: `pretraining, family ${spec.family}`,
        found: "norms that are stored less 1",
        expected: "a family that stores them as they multiply, such as qwen3",
      })
    this.#engine = engine
    this.spec = spec
    this.#rope = ropeTables(engine, spec)
    this.#steps = steps
    const upload = (key: string) => {
      const { data, shape } = read(key)
      return engine.keep(engine.upload(data, shape, "f32"))
    }
    this.#trained = [...weightShapes(spec).keys()].map((name) => {
      const by = isMatrix(name) ? "muon" : "adamW"
      const second = by === "adamW" ? upload(`second.${name}`) : undefined
      return { name, by, tensor: upload(name), first: upload(`first.${name}`), second }
    })
  }

  /** Fresh weights from a seed. */
  static create(engine: Engine, spec: DecoderSpec, seed: number): Pretrainer {
    const shapes = weightShapes(spec)
    return new Pretrainer(
      engine,
      spec,
      (key) => {
        const name = key.replace(/^(first|second)\./, "")
        const shape = shapes.get(name) ?? []
        const length = shape.reduce((a, b) => a * b, 1)
        return { shape, data: key === name ? initial(spec, seed, name, shape) : new Float32Array(length) }
      },
      0,
    )
  }

  /** Goes on from what `state` gave. Throws BadInput where a tensor is missing or of another shape. */
  static restore(
    engine: Engine,
    spec: DecoderSpec,
    steps: number,
    tensors: ReadonlyMap<string, HostArray>,
  ): Pretrainer {
    const shapes = weightShapes(spec)
    return new Pretrainer(
      engine,
      spec,
      (key) => {
        const expected = `shape [${shapes.get(key.replace(/^(first|second)\./, ""))?.join(", ")}]`
        const found = tensors.get(key)
        const is = found === undefined ? "nothing" : `shape [${found.shape.join(", ")}]`
        if (found === undefined || is !== expected)
          throw new Errors.BadInput({ where: `pretraining state, tensor ${key}`, found: is, expected })
        return found
      },
      steps,
    )
  }

  /** Optimiser steps so far. */
  get steps(): number {
    return this.#steps
  }

  /** The model as it is now: valid until the next step. */
  get decoder(): Decoder {
    const tensors = new Map(this.#trained.map(({ name, tensor }) => [name, tensor]))
    const weights = weightsOf(this.spec, (name) => {
      const tensor = tensors.get(name)
      if (tensor === undefined) throw new Error(`no tensor ${name} is trained`)
      return tensor
    })
    return { engine: this.#engine, spec: this.spec, weights, rope: this.#rope }
  }

  /** One update. `scale` multiplies both learning rates: the schedule is the caller's. Throws NonFinite with the weights as they were. */
  step(sequences: ReadonlyArray<PretrainSequence>, scale: number, options: PretrainOptions = {}): PretrainResult {
    const engine = this.#engine
    const { muonRate = 6e-3, adamRate = 3e-3, maxGradNorm = 1 } = options
    const packed = pack(sequences.map(({ ids }) => ({ tokens: ids, from: 1 })))
    let loss = Number.NaN
    let gradNorm = Number.NaN
    engine.scope(() => {
      const decoder = this.decoder
      const found = differentiate(decoder, this.#layers(decoder), packed, { ends: true }, ({ logprobs }) => {
        const weights = new Float64Array(packed.rows.length)
        packed.pairs.forEach((pairs, s) =>
          pairs.forEach((pair, t) => {
            weights[pair] = (weights[pair] ?? 0) + (sequences[s]?.weights[t + 1] ?? 0)
          }),
        )
        const total = weights.reduce((a, b) => a + b, 0)
        loss = weights.reduce((sum, w, pair) => sum - w * (logprobs[pair] ?? Number.NaN), 0) / total
        if (!Number.isFinite(loss)) throw new Errors.NonFinite({ tensor: "loss" })
        return Float32Array.from(weights, (w) => -w / total)
      })
      const gradients = this.#byName(found)
      gradNorm = Math.sqrt(engine.sumSquares([...gradients.values()]))
      if (!Number.isFinite(gradNorm)) throw new Errors.NonFinite({ tensor: "gradient" })
      const clip = Math.min(1, maxGradNorm / (gradNorm + 1e-6))
      this.#steps++
      for (const trained of this.#trained) {
        const gradient = gradients.get(trained.name)
        if (gradient !== undefined) this.#update(trained, gradient, clip, muonRate * scale, adamRate * scale)
      }
    })
    return { loss, gradNorm }
  }

  /** Weights by their names in Hugging Face's layout. */
  weights(): ReadonlyMap<string, HostArray> {
    return new Map(this.#trained.map(({ name, tensor }) => [name, this.#download(tensor)]))
  }

  /** Weights and optimiser, for `restore`; the moments stand under `first.` and `second.` before the weight's name. */
  state(): ReadonlyMap<string, HostArray> {
    return new Map(
      this.#trained.flatMap(({ name, tensor, first, second }) => [
        [name, this.#download(tensor)] as const,
        [`first.${name}`, this.#download(first)] as const,
        ...(second === undefined ? [] : [[`second.${name}`, this.#download(second)] as const]),
      ]),
    )
  }

  free(): void {
    freeRopes(this.#engine, this.#rope)
    for (const { tensor, first, second } of this.#trained) this.#engine.free(tensor, first, second)
  }

  #download(tensor: Tensor): HostArray {
    return { data: floats(this.#engine, tensor), shape: tensor.shape }
  }

  /** Every tensor of a block is a parameter. */
  #layers(decoder: Decoder): ReadonlyArray<LayerParameters> {
    return decoder.weights.layers.map((layer) => {
      const entries = Object.entries<Tensor>({ ...layer })
      return {
        params: entries.map(([, tensor]) => tensor),
        bind: (params) => ({
          weights: { ...layer, ...Object.fromEntries(entries.map(([key, tensor], i) => [key, params[i] ?? tensor])) },
          lora: undefined,
        }),
      }
    })
  }

  #byName(gradients: Gradients): ReadonlyMap<string, Tensor> {
    const named = new Map<string, Tensor>()
    const add = (name: string, gradient: Tensor | undefined) => {
      if (gradient !== undefined) named.set(name, gradient)
    }
    this.decoder.weights.layers.forEach((layer, i) =>
      Object.keys(layer).forEach((key, j) => {
        const name = key.endsWith(".bias") ? key : `${key}.weight`
        add(`model.layers.${i}.${name}`, gradients.layers[i]?.[j])
      }),
    )
    add("model.embed_tokens.weight", gradients.embedding)
    add("model.norm.weight", gradients.norm)
    add("lm_head.weight", gradients.head)
    return named
  }

  #update(trained: Trained, gradient: Tensor, clip: number, muonRate: number, adamRate: number): void {
    const engine = this.#engine
    const before = [trained.tensor, trained.first, trained.second]
    const clipped = clip === 1 ? gradient : engine.scale(gradient, clip)
    if (trained.second === undefined) {
      const { param, momentum } = muon(engine, trained.tensor, clipped, trained.first, { learningRate: muonRate })
      trained.tensor = engine.keep(param)
      trained.first = engine.keep(momentum)
    } else {
      const moments: AdamWState = { m: trained.first, v: trained.second }
      const next = engine.adamW(trained.tensor, clipped, moments, {
        learningRate: adamRate,
        beta1: 0.9,
        beta2: 0.98,
        epsilon: 1e-8,
        weightDecay: 0,
        step: this.#steps,
      })
      trained.tensor = engine.keep(next.param)
      trained.first = engine.keep(next.state.m)
      trained.second = engine.keep(next.state.v)
    }
    engine.free(...before)
  }
}
