import * as Effect from "effect/Effect"
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { weightShapes } from "../../src/decoder/DecoderSpec.ts"
import { loadWeights, openCheckpoint, readWeight, writeCheckpoint } from "../../src/io/checkpoint.ts"
import type { CheckpointToWrite } from "../../src/io/checkpoint.ts"
import type { ModelConfig } from "../../src/io/config.ts"
import { openSafetensors, readF32, writeSafetensors } from "../../src/io/safetensors.ts"
import { digestOf, failure, filesIn, fresh, golden, hasLarge, large, withConfig } from "./_support.ts"

/** A copy whose weights `edit` has changed. */
type Tensors = Map<string, { shape: ReadonlyArray<number>; data: Float32Array }>
const withWeights = (edit: (tensors: Tensors) => void): string => {
  const folder = withConfig({})
  const file = join(folder, "model.safetensors")
  const open = Effect.runSync(openSafetensors(file))
  const tensors: Tensors = new Map(
    Array.from(open.tensors.values(), (t) => [t.name, { shape: t.shape, data: Effect.runSync(readF32(open, t.name)) }]),
  )
  edit(tensors)
  const list = Array.from(tensors, ([name, t]) => ({ name, dtype: "F32" as const, ...t }))
  Effect.runSync(writeSafetensors(file, list, { format: "pt" }))
  return folder
}

/** A tiny architecture whose weights count up, in as many files as asked for. */
const tiny: ModelConfig = {
  spec: {
    family: "qwen3",
    layers: 2,
    hidden: 8,
    heads: 2,
    kvHeads: 1,
    headDim: 4,
    ffn: 12,
    vocab: 16,
    context: 32,
    normEps: 1e-6,
    ropeTheta: 1e4,
    activation: "silu",
    tied: false,
    qkNorm: true,
    qkvBias: false,
  },
  dtype: "BF16",
  bos: undefined,
  pad: 0,
  eos: [2, 0],
}
const counting = (config: ModelConfig): CheckpointToWrite => ({
  config,
  tensors: new Map(
    Array.from(weightShapes(config.spec), ([name, shape], i) => [
      name,
      { shape, data: Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, j) => (i + j) % 97) },
    ]),
  ),
})
const sharded = (place: (name: string, i: number) => string): string => {
  const folder = fresh("sharded")
  const checkpoint = counting(tiny)
  Effect.runSync(writeCheckpoint(folder, checkpoint))
  rmSync(join(folder, "model.safetensors"))
  const map: { [name: string]: string } = {}
  const shards = new Map<string, Array<string>>()
  Array.from(checkpoint.tensors.keys()).forEach((name, i) => {
    const shard = place(name, i)
    map[name] = shard
    shards.set(shard, [...(shards.get(shard) ?? []), name])
  })
  for (const [shard, names] of shards) {
    const list = names.map((name) => ({
      name,
      dtype: "BF16" as const,
      ...(checkpoint.tensors.get(name) ?? { shape: [0], data: new Float32Array() }),
    }))
    if (!shard.includes("/")) Effect.runSync(writeSafetensors(join(folder, shard), list, { format: "pt" }))
  }
  writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map: map }))
  return folder
}
const index = (folder: string) => join(folder, "model.safetensors.index.json")
const twoShards = (_: string, i: number) => `model-0000${1 + (i % 2)}-of-00002.safetensors`

/** What is said of a checkpoint that `change` has spoilt before it is written. */
const unwritten = (change: (tensors: Tensors) => void) => {
  const { config, tensors } = counting(tiny)
  const copy = new Map(tensors)
  change(copy)
  return failure(writeCheckpoint(fresh("no"), { config, tensors: copy })).message
}

describe("checkpoint", () => {
  it("that is written is read back: configuration, types, values and digest", () => {
    const folder = fresh("tiny")
    const checkpoint = counting(tiny)
    Effect.runSync(writeCheckpoint(folder, checkpoint))
    expect(filesIn(folder)).toEqual(["config.json", "generation_config.json", "model.safetensors"])
    const open = Effect.runSync(openCheckpoint(folder))
    expect(open.config).toEqual(tiny)
    expect([...open.tensors.keys()]).toEqual([...checkpoint.tensors.keys()].toSorted())
    const weight = Effect.runSync(readWeight(open, "model.layers.1.mlp.up_proj.weight"))
    expect(weight.dtype).toBe("BF16")
    expect(weight.shape).toEqual([12, 8])
    const again = fresh("again")
    Effect.runSync(writeCheckpoint(again, checkpoint))
    for (const name of filesIn(folder))
      expect(readFileSync(join(again, name)).equals(readFileSync(join(folder, name)))).toBe(true)
    expect(digestOf(folder)).toMatch(/^[0-9a-f]{16}$/)
  })
  it("in shards has the digest of the one file, and each weight is visited once in the order of names", () => {
    const single = fresh("single")
    Effect.runSync(writeCheckpoint(single, counting(tiny)))
    const folder = sharded(twoShards)
    expect(digestOf(folder)).toBe(digestOf(single))
    const open = Effect.runSync(openCheckpoint(folder))
    const names: Array<string> = []
    Effect.runSync(loadWeights(open, (weight) => names.push(weight.name)))
    expect(names).toEqual([...open.tensors.keys()])
    expect(names).toEqual(names.toSorted())
  })
  it("has another digest when one weight, or one number of the configuration, is another", () => {
    const changed = withWeights((tensors) => {
      const t = tensors.get("model.norm.weight")
      if (t !== undefined) t.data[3] = 0.5
    })
    const digests = new Set([digestOf(golden), digestOf(changed), digestOf(withConfig({ rope_theta: 500 }))])
    expect(digests.size).toBe(3)
  })
  it.runIf(hasLarge)("of the larger set opens, tied and untied, in one file and in shards", () => {
    const names = readdirSync(join(large, "checkpoints"))
    const digests = names.map((name) => digestOf(join(large, "checkpoints", name)))
    expect(new Set(digests).size).toBe(names.length)
  })
  it("leaves out what transformers leaves out: a tied head that is stored all the same, and tables of frequencies", () => {
    const folder = withWeights((tensors) => {
      tensors.set("lm_head.weight", { shape: [624, 48], data: new Float32Array(624 * 48) })
      tensors.set("model.layers.0.self_attn.rotary_emb.inv_freq", { shape: [8], data: new Float32Array(8) })
    })
    expect(digestOf(folder)).toBe(digestOf(golden))
  })
  it("of another family than Qwen3 is not written", () => {
    const { message } = failure(
      writeCheckpoint(fresh("llama"), counting({ ...tiny, spec: { ...tiny.spec, family: "llama" } })),
    )
    expect(message).toMatch(/family "llama"; expected "qwen3"/)
  })
  it.each<[string, (tensors: Tensors) => void, RegExp]>([
    [
      "a missing tensor",
      (t) => t.delete("model.layers.1.mlp.up_proj.weight"),
      /model\.safetensors, tensor "model\.layers\.1\.mlp\.up_proj\.weight": found no such tensor; expected shape \[80, 48\], as config\.json says/,
    ],
    [
      "an extra tensor",
      (t) => t.set("model.layers.3.bias", { shape: [1], data: new Float32Array(1) }),
      /tensor "model\.layers\.3\.bias": found shape \[1\]; expected no such tensor in this architecture/,
    ],
    [
      "a head beside a tie",
      (t) => t.set("lm_head.weight", { shape: [1], data: new Float32Array(1) }),
      /tensor "lm_head\.weight": found shape \[1\]; expected no such tensor, because tie_word_embeddings is true/,
    ],
    [
      "a misshapen tensor",
      (t) => t.set("model.norm.weight", { shape: [24, 2], data: new Float32Array(48) }),
      /tensor "model\.norm\.weight": found shape \[24, 2\]; expected shape \[48\], as config\.json says/,
    ],
  ])("with %s is refused before a weight is read", (_, edit, sentence) => {
    const { tag, message } = failure(openCheckpoint(withWeights(edit)))
    expect(tag).toBe("BadInput")
    expect(message).toMatch(sentence)
  })
  it("cut off is refused by its first tensor that is not whole", () => {
    const folder = withConfig({})
    const file = join(folder, "model.safetensors")
    writeFileSync(file, readFileSync(file).subarray(0, -100))
    expect(failure(openCheckpoint(folder)).message).toMatch(
      /model\.safetensors, tensor "model\.norm\.weight": found data up to byte .* cut off/,
    )
  })
  it("of integers is refused", () => {
    const folder = fresh("ints")
    Effect.runSync(writeCheckpoint(folder, counting(tiny)))
    const list = Array.from(weightShapes(tiny.spec), ([name, shape]) => ({
      name,
      shape,
      dtype: "I32" as const,
      data: new Int32Array(shape.reduce((n, d) => n * d, 1)),
    }))
    Effect.runSync(writeSafetensors(join(folder, "model.safetensors"), list))
    expect(failure(openCheckpoint(folder)).message).toMatch(
      /tensor "model\.embed_tokens\.weight": found I32; expected F32, BF16 or F16/,
    )
  })
  it.each([Number.NaN, Number.POSITIVE_INFINITY])("with %d in a weight names the tensor and the element", (value) => {
    const folder = withWeights((tensors) => {
      const t = tensors.get("model.layers.0.self_attn.q_proj.weight")
      if (t !== undefined) t.data[7] = value
    })
    const { tag, message } = failure(Effect.flatMap(openCheckpoint(folder), (c) => loadWeights(c, () => undefined)))
    expect(tag).toBe("BadInput")
    expect(message).toMatch(/tensor "model\.layers\.0\.self_attn\.q_proj\.weight", element 7: found NaN or infinity/)
  })
  it("refuses to be written with a weight too few, too many or misshapen", () => {
    expect(unwritten((t) => t.delete("lm_head.weight"))).toMatch(
      /tensor "lm_head\.weight": found no such tensor; expected shape \[16, 8\]/,
    )
    expect(unwritten((t) => t.set("x", { shape: [0], data: new Float32Array() }))).toMatch(
      /tensor "x": found a tensor; expected none/,
    )
    expect(unwritten((t) => t.set("model.norm.weight", { shape: [2, 4], data: new Float32Array(8) }))).toMatch(
      /found shape \[2, 4\]; expected shape \[8\]/,
    )
  })
})

describe("an index", () => {
  it.each([
    "../model.safetensors",
    "/etc/passwd",
    "a/b.safetensors",
    "..safetensors",
    ".x.safetensors",
    "model.bin",
    "a\\b.safetensors",
  ])("that points to %s is refused", (shard) => {
    const folder = sharded(twoShards)
    const json = JSON.parse(readFileSync(index(folder), "utf8"))
    json.weight_map["model.norm.weight"] = shard
    writeFileSync(index(folder), JSON.stringify(json))
    const { tag, message } = failure(openCheckpoint(folder))
    expect(tag).toBe("BadInput")
    expect(message).toMatch(
      /index\.json, tensor "model\.norm\.weight": found the file ".*"; expected a \.safetensors file in the same folder/,
    )
  })
  it("that places a tensor in another file, leaves one out, or names a file that is not there, is refused", () => {
    const wrong = sharded(twoShards)
    const json = JSON.parse(readFileSync(index(wrong), "utf8"))
    const [first, second] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    const at = json.weight_map["model.norm.weight"]
    json.weight_map["model.norm.weight"] = at === first ? second : first
    writeFileSync(index(wrong), JSON.stringify(json))
    expect(failure(openCheckpoint(wrong)).message).toMatch(
      /tensor "model\.norm\.weight": found (no such tensor|a tensor that the index)/,
    )

    const short = sharded(twoShards)
    const less = JSON.parse(readFileSync(index(short), "utf8"))
    delete less.weight_map["model.norm.weight"]
    writeFileSync(index(short), JSON.stringify(less))
    expect(failure(openCheckpoint(short)).message).toMatch(
      /tensor "model\.norm\.weight": found a tensor that the index does not place here/,
    )

    const gone = sharded(twoShards)
    rmSync(join(gone, second ?? ""))
    expect(failure(openCheckpoint(gone)).message).toMatch(/model-00002-of-00002\.safetensors: found no such file/)
  })
  it("that is broken, or no weights at all, is refused", () => {
    const folder = sharded(twoShards)
    writeFileSync(index(folder), '{"weight_map":3}')
    expect(failure(openCheckpoint(folder)).message).toMatch(/index\.json, weight_map: found 3; expected object/)
    rmSync(index(folder))
    expect(failure(openCheckpoint(folder)).message).toMatch(
      /found no weights; expected model\.safetensors, model\.safetensors\.index\.json or a GGUF file/,
    )
  })
})
