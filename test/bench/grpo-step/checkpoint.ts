/** A checkpoint of random weights, in Hugging Face's layout. */
import { stream, weightShapes, writeCheckpoint, writeAtomically, jsonFile } from "@hmx/lm"
import type { ModelConfig } from "@hmx/lm"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import type { Size } from "./workload.ts"
import { shapes } from "./workload.ts"

/** Prime, so that no two rows of a matrix are the same numbers. */
const drawn = 1_048_573

/** Qwen3's initialisation: normal with deviation 0.02, repeated after `drawn` numbers. */
const numbers = (length: number): Float32Array => {
  const some = stream(0, "weights").normal(drawn, 0, 0.02)
  const all = new Float32Array(length)
  for (let at = 0; at < length; at += drawn) all.set(some.subarray(0, Math.min(drawn, length - at)), at)
  return all
}

/** Writes weights, configuration and a tokenizer of whole words (`w17` is token 17). No token ends an answer. */
export const writeRandomCheckpoint = (folder: string, size: Size, dtype: ModelConfig["dtype"]) => {
  const spec = shapes[size]
  const sizes = Array.from(weightShapes(spec), ([name, shape]) => {
    return { name, shape, length: shape.reduce((a, b) => a * b, 1) }
  })
  const pool = numbers(sizes.reduce((most, { length }) => Math.max(most, length), 0))
  const tensors = new Map(
    sizes.map(({ name, shape, length }, i) => {
      const from = (i * 7919) % (pool.length - length + 1)
      const data = name.endsWith("norm.weight") ? new Float32Array(length).fill(1) : pool.subarray(from, from + length)
      return [name, { shape, data }] as const
    }),
  )
  const vocab = Object.fromEntries(Array.from({ length: spec.vocab }, (_, id) => [`w${id}`, id]))
  const tokenizer = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: "WhitespaceSplit" },
    post_processor: null,
    decoder: null,
    // Words of the vocabulary are taken whole, so there is nothing to merge.
    model: { type: "BPE", vocab, merges: [], unk_token: "w0", ignore_merges: true },
  }
  return writeCheckpoint(folder, { config: { spec, dtype, bos: undefined, pad: 0, eos: [] }, tensors }).pipe(
    Effect.andThen(
      writeAtomically([
        jsonFile(join(folder, "tokenizer.json"), tokenizer),
        jsonFile(join(folder, "tokenizer_config.json"), {}),
      ]),
    ),
  )
}
