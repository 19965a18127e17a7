import type { Decoder } from "../decoder/Decoder.ts"
import type { LayerLora } from "../decoder/forward.ts"
import { hidden } from "../decoder/forward.ts"
import { merged } from "../decoder/merged.ts"
import type { Tensor } from "../Engine.ts"
import { floats } from "./floats.ts"
import { packedAttention } from "./attention.ts"
import { distinct } from "./pack.ts"
import type { Packed } from "./pack.ts"
import type { Prefixed } from "./prefixed.ts"

/** Log-probability and entropy (nats) of every wanted pair. [W] */
export interface PairValues {
  readonly logprobs: Float32Array
  readonly entropies: Float32Array
}

export interface PackedOptions {
  readonly lora?: ReadonlyArray<LayerLora> | undefined
  readonly temperature?: number | undefined
  /** Puts what is known before a layer's keys and values; needed where `packed` counts any as known. */
  readonly extend?: Prefixed["extend"] | undefined
  /** Called between two layers; throws to stop. */
  readonly checkpoint?: (() => void) | undefined
}

/** Final norm, then log-probabilities of the pairs: x [N, hidden] → [W] each. Differentiable in all three tensors. */
export const pairLogProbs = (
  { engine, spec }: Decoder,
  x: Tensor,
  norm: Tensor,
  head: Tensor,
  rows: Tensor,
  targets: Tensor,
  temperature = 1,
) =>
  engine.logProbs(engine.rmsNorm(engine.gather(x, rows), norm, spec.normEps), head, targets, {
    // Greedy answers are scored under the plain softmax.
    temperature: temperature === 0 ? 1 : temperature,
    ...(spec.logitSoftcap === undefined ? {} : { softcap: spec.logitSoftcap }),
  })

/** The forward pass over packed rows, without gradients. */
export const packedLogProbs = (decoder: Decoder, packed: Packed, options: PackedOptions = {}): PairValues => {
  const { engine, merges, spec, weights } = decoder
  const mergedOf = (i: number) => {
    const layer = weights.layers[i]
    return layer && merged(engine, layer, options.lora?.[i]).project
  }
  const pairs = packed.rows.length
  if (pairs === 0) return { logprobs: new Float32Array(0), entropies: new Float32Array(0) }
  let values: PairValues | undefined
  engine.scope(() => {
    const ids = (values: Int32Array) => engine.upload(values, [values.length], "i32")
    // Of the last layer no other rows are read.
    const wanted = distinct(packed.rows)
    const attend = packedAttention(engine, spec, packed, wanted.rows)
    const x = hidden(engine, spec, weights, decoder.rope, {
      ids: ids(packed.tokens),
      positions: ids(packed.positions),
      rows: ids(wanted.rows),
      lora: options.lora,
      project: merges === true ? (i) => mergedOf(i) : undefined,
      attend: (layer, q, k, v) => attend(layer, q, ...(options.extend?.(k, v) ?? ([k, v] as const))),
      checkpoint: options.checkpoint ?? (() => {}),
    })
    const { logprobs, entropy } = pairLogProbs(
      decoder,
      x,
      weights.norm,
      weights.head,
      ids(wanted.places),
      ids(packed.targets),
      options.temperature,
    )
    values = { logprobs: floats(engine, logprobs), entropies: floats(engine, entropy) }
  })
  if (values === undefined) throw new Error("a scope ended without its body")
  return values
}
