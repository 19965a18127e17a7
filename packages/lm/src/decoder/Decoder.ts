import * as Effect from "effect/Effect"
import type { Errors } from "hmx"
import type { Engine, Tensor } from "../Engine.ts"
import type { Checkpoint, Take, Weight } from "../io/checkpoint.ts"
import { loadWeights } from "../io/checkpoint.ts"
import { isSmall } from "../io/config.ts"
import { toF32 } from "../io/safetensors.ts"
import type { DecoderSpec } from "./DecoderSpec.ts"
import { isNorm } from "./DecoderSpec.ts"
import type { Ropes } from "./rope.ts"
import { freeRopes, ropeTables } from "./rope.ts"
import type { Weights } from "./Weights.ts"
import { freeWeights, weightsOf } from "./Weights.ts"

/** A decoder with its weights on an engine. */
export interface Decoder {
  readonly engine: Engine
  readonly spec: DecoderSpec
  readonly weights: Weights
  readonly rope: Ropes
  /** Products are made with an adapter added to its weights (`merged`). Default false. */
  readonly merges?: boolean
}

/** A decoder of tensors that are on the engine already, by their full names, norms as they multiply. It owns them from here on. */
export const makeDecoder = (engine: Engine, spec: DecoderSpec, tensors: ReadonlyMap<string, Tensor>): Decoder => {
  const weights = weightsOf(spec, (name) => {
    const tensor = tensors.get(name)
    if (tensor === undefined) throw new Error(`the decoder needs the tensor ${name}`)
    return tensor
  })
  return { engine, spec, weights, rope: ropeTables(engine, spec) }
}

const engineTypes = { F32: "f32", BF16: "bf16", F16: "f16" } as const

export interface LoadDecoderOptions {
  /** 16-bit weights become f32 as they are read. Default: those of a small model. */
  readonly widen?: boolean
  /** See `Decoder`. Default: of a small model, on an engine that is bound by calls (`Engine.packed`). */
  readonly merges?: boolean
}

/**
 * Reads a checkpoint's weights onto the engine, one at a time, and takes its digest on the way. They live until `freeDecoder`; when
 * reading fails, all of them are freed.
 */
export const loadDecoder = (
  engine: Engine,
  checkpoint: Checkpoint,
  options: LoadDecoderOptions = {},
): Effect.Effect<{ readonly decoder: Decoder; readonly digest: string }, Errors.BadInput | Errors.StorageFailed> =>
  Effect.suspend(() => {
    const tensors = new Map<string, Tensor>()
    const { spec } = checkpoint.config
    const small = isSmall(checkpoint.config)
    const { merges = small && engine.packed !== undefined, widen = small } = options
    // 1 + w in f32, as the reference computes it: 16 bits would round w away.
    const lessOne = (name: string) => spec.normLessOne === true && isNorm(name)
    const put = (name: string, tensor: Tensor) => {
      // Noted before: where there is no room to lay it out anew, it is freed with the others.
      tensors.set(name, engine.keep(tensor))
      tensors.set(name, engine.frozen(tensor))
    }
    const take: Take = ({ name, shape, dtype }, file, seen) =>
      put(name, engine.fromFile(file, shape, engineTypes[dtype], seen))
    const visit = (weight: Weight) => {
      const { name, shape } = weight
      const [data, dtype] = lessOne(name)
        ? ([toF32(weight).map((w) => 1 + w), "f32"] as const)
        : widen
          ? ([toF32(weight), "f32"] as const)
          : ([weight.data, engineTypes[weight.dtype]] as const)
      put(name, engine.upload(data, shape, dtype))
    }
    const copied = (name: string) => lessOne(name) || (widen && checkpoint.tensors.get(name)?.dtype !== "F32")
    return loadWeights(checkpoint, visit, (name) => (copied(name) ? undefined : take)).pipe(
      Effect.map((digest) => ({ decoder: { ...makeDecoder(engine, spec, tensors), merges }, digest })),
      Effect.onError(() => Effect.sync(() => engine.free(...tensors.values()))),
    )
  })

export const freeDecoder = ({ engine, weights, rope }: Decoder): void => {
  freeWeights(engine, weights)
  freeRopes(engine, rope)
}
