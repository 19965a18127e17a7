import * as Effect from "effect/Effect"
import type { Errors } from "hmx"
import type { Engine, Tensor } from "../Engine.ts"
import type { Checkpoint } from "../io/checkpoint.ts"
import { loadWeights } from "../io/checkpoint.ts"
import type { DecoderSpec } from "./DecoderSpec.ts"
import type { Rope } from "./forward.ts"
import { ropeTables } from "./forward.ts"
import type { Weights } from "./Weights.ts"
import { freeWeights, weightsOf } from "./Weights.ts"

/** A decoder with its weights on an engine. */
export interface Decoder {
  readonly engine: Engine
  readonly spec: DecoderSpec
  readonly weights: Weights
  readonly rope: Rope
}

/** A decoder of tensors that are on the engine already, by their full names. It owns them from here on. */
export const makeDecoder = (engine: Engine, spec: DecoderSpec, tensors: ReadonlyMap<string, Tensor>): Decoder => {
  const weights = weightsOf(spec, (name) => {
    const tensor = tensors.get(name)
    if (tensor === undefined) throw new Error(`the decoder needs the tensor ${name}`)
    return tensor
  })
  return { engine, spec, weights, rope: ropeTables(engine, spec) }
}

/**
 * Reads a checkpoint's weights onto the engine, one at a time, and takes its digest on the way. They live until `freeDecoder`; when
 * reading fails, all of them are freed.
 */
export const loadDecoder = (
  engine: Engine,
  checkpoint: Checkpoint,
): Effect.Effect<{ readonly decoder: Decoder; readonly digest: string }, Errors.BadInput | Errors.StorageFailed> =>
  Effect.suspend(() => {
    const tensors = new Map<string, Tensor>()
    return loadWeights(checkpoint, ({ name, shape, dtype, data }) => {
      const stored = ({ F32: "f32", BF16: "bf16", F16: "f16" } as const)[dtype]
      tensors.set(name, engine.frozen(engine.keep(engine.upload(data, shape, stored))))
    }).pipe(
      Effect.map((digest) => ({ decoder: makeDecoder(engine, checkpoint.config.spec, tensors), digest })),
      Effect.onError(() => Effect.sync(() => engine.free(...tensors.values()))),
    )
  })

export const freeDecoder = ({ engine, weights, rope }: Decoder): void => {
  freeWeights(engine, weights)
  engine.free(rope.cos, rope.sin)
}
