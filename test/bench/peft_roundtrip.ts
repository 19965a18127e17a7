/**
 * Checkpoints and adapters that HMX writes, for transformers and PEFT to read:
 *
 *     node test/bench/peft_roundtrip.ts OUT && python test/bench/peft_roundtrip.py OUT
 *
 * makes small random ones; `node test/bench/peft_roundtrip.ts OUT CHECKPOINT ADAPTER` takes those of a run. Beside each adapter
 * stand the logits of this engine, with it and without it, which the Python script compares with PEFT's (torch, transformers and
 * peft in an environment of your own).
 */
import * as Effect from "effect/Effect"
import { join, resolve } from "node:path"
import {
  freeDecoder,
  loadDecoder,
  Lora,
  type LoraConfig,
  loraConfig,
  type ModelConfig,
  openCheckpoint,
  readAdapter,
  sequenceLogits,
  stream,
  weightShapes,
  writeAdapter,
  writeAtomically,
  jsonFile,
  writeCheckpoint,
  writeSafetensors,
} from "@hmx/lm"
import { create } from "@hmx/engine-tfjs"

const [out, givenCheckpoint, givenAdapter] = process.argv.slice(2).map((path) => resolve(path))
if (out === undefined || (givenCheckpoint === undefined) !== (givenAdapter === undefined)) {
  console.error("usage: node test/bench/peft_roundtrip.ts OUT [CHECKPOINT ADAPTER]")
  process.exit(2)
}

const spec = {
  family: "qwen3",
  layers: 3,
  hidden: 48,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  ffn: 80,
  vocab: 200,
  context: 128,
  normEps: 1e-6,
  ropeTheta: 1e5,
  activation: "silu",
  qkNorm: true,
  qkvBias: false,
} as const

/** A random checkpoint, tied or untied, in the type of `config.dtype`. */
const randomCheckpoint = (folder: string, config: ModelConfig) => {
  const tensors = new Map(
    Array.from(weightShapes(config.spec), ([name, shape]) => {
      const count = shape.reduce((n, d) => n * d, 1)
      // Norms round 1, the rest round 0.
      const [low, high] = shape.length === 1 ? [0.5, 1.5] : [-0.3, 0.3]
      return [name, { shape, data: stream(1, name).uniform(count, low, high) }] as const
    }),
  )
  return writeCheckpoint(folder, { config, tensors })
}

const engine = await create()

/** Writes what `adapter` gives on a random sequence into `folder`, with the name of its checkpoint. */
const record = Effect.fnUntraced(function* (folder: string, base: string, adapter: string) {
  const checkpoint = yield* openCheckpoint(base)
  const { decoder } = yield* loadDecoder(engine, checkpoint)
  const { vocab } = decoder.spec
  const lora = Lora.load(engine, decoder.spec, yield* readAdapter(adapter, checkpoint.config))
  const tokens = Array.from(stream(2, "tokens").uniform(24, 0, vocab), (x) => Math.min(Math.floor(x), vocab - 1))
  const shape = [tokens.length, vocab]
  yield* writeSafetensors(join(folder, "ours.safetensors"), [
    { name: "input_ids", dtype: "I64", shape: [1, tokens.length], data: BigInt64Array.from(tokens, BigInt) },
    { name: "base", dtype: "F32", shape, data: sequenceLogits(decoder, tokens) },
    { name: "adapted", dtype: "F32", shape, data: sequenceLogits(decoder, tokens, lora) },
  ])
  yield* writeAtomically([jsonFile(join(folder, "case.json"), { checkpoint: base, adapter })])
  lora.free()
  freeDecoder(decoder)
})

/** An adapter whose B is not zero, as training leaves it. */
const randomAdapter = Effect.fnUntraced(function* (folder: string, model: ModelConfig, config: LoraConfig) {
  const made = Lora.create(engine, model.spec, config, 3)
  const { tensors } = made.state()
  made.free()
  const filled = new Map(
    Array.from(tensors, ([key, { shape, data }]) => [
      key,
      { shape, data: key.includes("lora_B") ? stream(4, key).uniform(data.length, -0.2, 0.2) : data },
    ]),
  )
  yield* writeAdapter(folder, { config, tensors: filled }, "random")
})

if (givenCheckpoint !== undefined && givenAdapter !== undefined) {
  Effect.runSync(record(join(out, "given"), givenCheckpoint, givenAdapter))
} else {
  const bases: ReadonlyArray<readonly [string, ModelConfig]> = [
    ["tied-f32", { spec: { ...spec, tied: true }, dtype: "F32", bos: undefined, pad: 0, eos: [1, 0] }],
    ["untied-bf16", { spec: { ...spec, tied: false }, dtype: "BF16", bos: 2, pad: undefined, eos: [1] }],
  ]
  const adapters: ReadonlyArray<readonly [string, LoraConfig]> = [
    ["all-linear", loraConfig({ rank: 8 })],
    ["rslora", loraConfig({ rank: 4, alpha: 16, rslora: true, targets: ["q_proj", "v_proj"] })],
    [
      "patterns",
      {
        ...loraConfig({ rank: 4 }),
        targets: ".*layers\\.[01]\\.(self_attn\\.(q|o)_proj|mlp\\.down_proj)",
        rankPattern: { q_proj: 2 },
        alphaPattern: { "layers.1.mlp.down_proj": 3 },
      },
    ],
  ]
  for (const [baseName, config] of bases) {
    const base = join(out, "checkpoints", baseName)
    Effect.runSync(randomCheckpoint(base, config))
    for (const [name, lora] of adapters) {
      const folder = join(out, `${baseName}-${name}`)
      Effect.runSync(randomAdapter(folder, config, lora))
      Effect.runSync(record(folder, base, folder))
    }
  }
}
engine.close()
