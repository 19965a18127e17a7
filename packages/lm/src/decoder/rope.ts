/** Rotary position embeddings (Su et al. 2021), with the frequencies that transformers computes. */
import type { Engine, Tensor } from "../Engine.ts"
import type { DecoderSpec, RopeScaling } from "./DecoderSpec.ts"

/** Cosine and sine of every row's position. [N, D/2] */
export type Rope = {
  readonly cos: Tensor
  readonly sin: Tensor
}

/** Of the layers that see everything, and of those with a sliding window: the same tensors unless the family turns them otherwise. */
export type Ropes = {
  readonly full: Rope
  readonly sliding: Rope
}

/** Whether a layer has the sliding window. */
export const isSliding = (spec: DecoderSpec, layer: number): boolean => spec.sliding?.layers[layer] ?? false

const { fround } = Math

/** A frequency as it is scaled; every step is rounded to f32 as in transformers. */
const scaled = (frequency: number, scaling: RopeScaling | undefined): number => {
  if (scaling === undefined) return frequency
  const stretched = fround(frequency / scaling.factor)
  if (scaling.kind === "linear") return stretched
  const { highFreqFactor, lowFreqFactor, originalContext } = scaling
  const wavelength = fround((2 * Math.PI) / frequency)
  if (wavelength > originalContext / lowFreqFactor) return stretched
  if (wavelength < originalContext / highFreqFactor) return frequency
  const smooth = fround(fround(fround(originalContext / wavelength) - lowFreqFactor) / (highFreqFactor - lowFreqFactor))
  return fround(fround(fround(fround(1 - smooth) * frequency) / scaling.factor) + fround(smooth * frequency))
}

/** The D/2 angles (radians) by which one position turns the pairs of a head. */
export const frequencies = (headDim: number, theta: number, scaling?: RopeScaling): ReadonlyArray<number> =>
  Array.from({ length: headDim / 2 }, (_, i) => scaled(fround(1 / fround(theta ** fround((2 * i) / headDim))), scaling))

/** Tables of every position of the context, in f64 on the host. Kept until `freeRopes`. [context, D/2] */
export const ropeTables = (engine: Engine, spec: DecoderSpec): Ropes => {
  const theta = spec.sliding?.ropeTheta
  // All of them or, where there is no room for one, none.
  const made = engine.scope(() => {
    const full = table(engine, spec.context, frequencies(spec.headDim, spec.ropeTheta, spec.ropeScaling))
    const sliding = theta === undefined ? full : table(engine, spec.context, frequencies(spec.headDim, theta))
    return { full, sliding }
  })
  for (const { cos, sin } of new Set([made.full, made.sliding])) for (const one of [cos, sin]) engine.keep(one)
  return made
}

const table = (engine: Engine, context: number, angles: ReadonlyArray<number>): Rope => {
  const half = angles.length
  const cos = new Float32Array(context * half)
  const sin = new Float32Array(context * half)
  angles.forEach((frequency, i) => {
    for (let position = 0; position < context; position++) {
      // transformers takes angles as their f32 products.
      const angle = fround(position * frequency)
      cos[position * half + i] = Math.cos(angle)
      sin[position * half + i] = Math.sin(angle)
    }
  })
  const upload = (values: Float32Array) => engine.upload(values, [context, half], "f32")
  return { cos: upload(cos), sin: upload(sin) }
}

export const freeRopes = (engine: Engine, { full, sliding }: Ropes): void =>
  engine.free(full.cos, full.sin, sliding.cos, sliding.sin)

/** The rows of the tables at `positions`, i32 [N]. */
export const ropeAt = (engine: Engine, { full, sliding }: Ropes, positions: Tensor): Ropes => {
  const at = ({ cos, sin }: Rope): Rope => ({ cos: engine.gather(cos, positions), sin: engine.gather(sin, positions) })
  const rows = at(full)
  return { full: rows, sliding: sliding === full ? rows : at(sliding) }
}
