/** Whole sequences through a decoder, for parity checks and tools; nothing in a pipeline wants every logit. */
import type { Lora } from "../lora/Lora.ts"
import { packedAttention } from "../pack/attention.ts"
import { floats } from "../pack/floats.ts"
import { pack } from "../pack/pack.ts"
import type { Decoder } from "./Decoder.ts"
import { hidden, logits } from "./forward.ts"

/** Logits of every token of a sequence [T · V], before softcap and temperature. */
export const sequenceLogits = (decoder: Decoder, tokens: ReadonlyArray<number>, lora?: Lora): Float32Array =>
  run(decoder, tokens, decoder.spec.layers, lora, true)

/**
 * Hidden states [T · hidden] as transformers returns them: the embedding, the output of each block, and, in the place of the last
 * block's, what the final norm makes of it.
 */
export const hiddenStates = (
  decoder: Decoder,
  tokens: ReadonlyArray<number>,
  lora?: Lora,
): ReadonlyArray<Float32Array> =>
  Array.from({ length: decoder.spec.layers + 1 }, (_, i) => run(decoder, tokens, i, lora, false))

const run = (
  decoder: Decoder,
  tokens: ReadonlyArray<number>,
  layers: number,
  lora: Lora | undefined,
  head: boolean,
): Float32Array => {
  const { engine, spec } = decoder
  const weights = { ...decoder.weights, layers: decoder.weights.layers.slice(0, layers) }
  let values: Float32Array = new Float32Array(0)
  engine.scope(() => {
    // The token behind the last is only a target: it makes every token a row.
    const packed = pack([{ tokens: [...tokens, 0], from: 1 }])
    const attend = packedAttention(engine, spec, packed)
    const ids = (list: Int32Array) => engine.upload(list, [list.length], "i32")
    const x = hidden(engine, spec, weights, decoder.rope, {
      ids: ids(packed.tokens),
      positions: ids(packed.positions),
      lora: lora?.layers,
      attend,
      checkpoint: () => {},
    })
    const normed = layers < spec.layers ? x : engine.rmsNorm(x, weights.norm, spec.normEps)
    values = floats(engine, head ? logits(engine, spec, weights, x) : normed)
  })
  return values
}
