/** The architecture and the tokenizer that are trained. */
import type { DecoderSpec, ModelConfig } from "@hmx/lm"
import { Tokenizer } from "@huggingface/tokenizers"
import { train } from "./Bpe.ts"
import { episode } from "./corpus.ts"
import { tokenizerConfigJson, tokenizerJson } from "./tokenizer.ts"

/** Vocabulary is the tokenizer's: 256 bytes, a token for every word of the corpus, three specials. */
const architecture = (vocab: number): DecoderSpec => ({
  family: "qwen3",
  layers: 4,
  hidden: 96,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  ffn: 256,
  vocab,
  context: 512,
  normEps: 1e-6,
  ropeTheta: 10_000,
  activation: "silu",
  tied: true,
  qkNorm: true,
  qkvBias: false,
})

/** Episodes that the tokenizer is trained on, of a seed of their own. */
const TEXTS = { seed: 7, episodes: 20_000, size: 2048 } as const

function* texts(): Generator<string> {
  for (let i = 0; i < TEXTS.episodes; i++)
    for (const { assistant, user } of episode(TEXTS.seed, i).turns) {
      yield `user\n${user}`
      yield `assistant\n${assistant}`
    }
}

export interface Nano {
  readonly config: ModelConfig
  readonly tokenizer: Tokenizer
  /** tokenizer.json and tokenizer_config.json. */
  readonly tokenizerFiles: { readonly [name: string]: object }
}

export const nano = (): Nano => {
  const json = tokenizerJson(train(texts(), TEXTS.size))
  const configJson = tokenizerConfigJson()
  const [pad, , eos] = json.added_tokens
  if (pad === undefined || eos === undefined) throw new Error("the tokenizer has three special tokens")
  return {
    config: { spec: architecture(eos.id + 1), dtype: "BF16", bos: undefined, pad: pad.id, eos: [eos.id] },
    tokenizer: new Tokenizer(json, configJson),
    tokenizerFiles: { "tokenizer.json": json, "tokenizer_config.json": configJson },
  }
}
