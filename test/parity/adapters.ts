import * as Effect from "effect/Effect"
import { type Decoder, Lora, type ModelConfig, readAdapter } from "@hmx/lm"

/** The adapter of a folder, on the decoder's engine. */
export const loadLora = (decoder: Decoder, config: ModelConfig, folder: string): Lora =>
  Lora.load(decoder.engine, decoder.spec, Effect.runSync(readAdapter(folder, config)))

/** The weights of an adapter's folder by PEFT's keys. */
export const adapterWeights = (config: ModelConfig, folder: string): ReadonlyMap<string, Float32Array> => {
  const { tensors } = Effect.runSync(readAdapter(folder, config))
  return new Map([...tensors].map(([key, { data }]) => [key, data]))
}
