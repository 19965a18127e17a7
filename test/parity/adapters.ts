import * as Effect from "effect/Effect"
import { type Decoder, type Engine, Lora, type ModelConfig, readAdapter, stream } from "@hmx/lm"

/** The adapter of a folder, on the decoder's engine. */
export const loadLora = (decoder: Decoder, config: ModelConfig, folder: string): Lora =>
  Lora.load(decoder.engine, decoder.spec, Effect.runSync(readAdapter(folder, config)))

/** What two correct f32 programs differ by in a gradient, as a share of its root mean square. */
const rounding = 2e-6

/** Rounds the gathered gradients otherwise; each `seed` in its own way, 0 not at all. */
export const roundOtherwise = (engine: Engine, adapter: Lora, seed: number): void => {
  if (seed === 0) return
  for (const parameter of adapter.parameters) {
    const { gradient, key } = parameter
    if (gradient === undefined) continue
    const values = Float64Array.from(engine.download(gradient))
    const rms = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length)
    const noise = stream(seed, `${key} ${adapter.steps}`).normal(values.length, 0, rounding * rms)
    const rounded = Float32Array.from(values, (x, i) => x + (noise[i] ?? 0))
    parameter.gradient = engine.keep(engine.upload(rounded, gradient.shape, "f32"))
    engine.free(gradient)
  }
}

/** The weights of an adapter's folder by PEFT's keys. */
export const adapterWeights = (config: ModelConfig, folder: string): ReadonlyMap<string, Float32Array> => {
  const { tensors } = Effect.runSync(readAdapter(folder, config))
  return new Map([...tensors].map(([key, { data }]) => [key, data]))
}
