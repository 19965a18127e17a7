import type { Decoder } from "../../src/decoder/Decoder.ts"
import { makeDecoder } from "../../src/decoder/Decoder.ts"
import type { DecoderSpec } from "../../src/decoder/DecoderSpec.ts"
import { weightShapes } from "../../src/decoder/DecoderSpec.ts"
import type { Engine } from "../../src/Engine.ts"
import { Lora } from "../../src/lora/Lora.ts"
import { loraConfig, type LoraState } from "../../src/lora/LoraConfig.ts"
import { stream } from "../../src/random/index.ts"

export const tinySpec: DecoderSpec = {
  family: "qwen3",
  layers: 2,
  hidden: 24,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  ffn: 40,
  vocab: 50,
  context: 256,
  normEps: 1e-6,
  ropeTheta: 1e4,
  activation: "silu",
  tied: true,
  qkNorm: true,
  qkvBias: false,
}

/** Random weights on the host, large enough that every token's distribution is its own. */
export const tinyWeights = (spec: DecoderSpec) =>
  new Map(
    Array.from(weightShapes(spec), ([name, shape]) => {
      const size = shape.reduce((a, b) => a * b, 1)
      const isNorm = name.includes("norm")
      const data = stream(3, name).normal(size, isNorm ? 1 : 0, isNorm ? 0.1 : 0.3)
      return [name, { data, shape }] as const
    }),
  )

export const tinyDecoder = (engine: Engine, spec = tinySpec): Decoder => {
  const tensors = Array.from(
    tinyWeights(spec),
    ([name, { data, shape }]) => [name, engine.frozen(engine.keep(engine.upload(data, shape, "f32")))] as const,
  )
  return makeDecoder(engine, spec, new Map(tensors))
}

/** An adapter whose B is not zero, so that every gradient is alive. */
export const tinyLora = (
  { engine, spec }: Decoder,
  targets: ReadonlyArray<string> | "all-linear" = "all-linear",
): Lora => {
  const fresh = Lora.create(engine, spec, loraConfig({ rank: 3, targets }), 5)
  const tensors: LoraState["tensors"] = new Map(
    Array.from(fresh.state().tensors, ([key, { data, shape }]) => [
      key,
      { shape, data: key.includes("lora_B") ? stream(6, key).normal(data.length, 0, 0.1) : data },
    ]),
  )
  fresh.free()
  return Lora.load(engine, spec, { config: loraConfig({ rank: 3, targets }), tensors })
}
