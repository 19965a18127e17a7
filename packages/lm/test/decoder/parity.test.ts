/** Golden values of transformers: logits, hidden states, log-probabilities and greedy tokens. */
import { create } from "@hmx/engine-tfjs"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { loadDecoder } from "../../src/decoder/Decoder.ts"
import { hiddenStates, sequenceLogits } from "../../src/decoder/inspect.ts"
import { openCheckpoint } from "../../src/io/index.ts"
import { generate } from "../../src/sample/generate.ts"
import { sequenceLogProbs } from "../../src/train/forwardBackward.ts"
import { fixture, hasFixture, json, maxDifference, tensorsOf } from "../_internals/fixtures.ts"

const Rows = Schema.Array(Schema.Array(Schema.Int))
const Vectors = Schema.Struct({
  greedy: Schema.Struct({
    input_ids: Rows,
    attention_mask: Rows,
    no_eos: Rows,
    eos_token_id: Schema.Array(Schema.Int),
    with_eos: Rows,
  }),
})

const engine = await create()
const names = ["qwen3", "qwen3_untied_sharded", "qwen25", "llama32", "llama32_bf16", "gemma2", "gemma3"]
for (const name of names.filter((name) => hasFixture(`checkpoints/${name}/config.json`)))
  describe(name, () => {
    const checkpoint = Effect.runSync(openCheckpoint(fixture(`checkpoints/${name}`)))
    const { decoder } = Effect.runSync(loadDecoder(engine, checkpoint))
    const { vocab } = decoder.spec
    const vectors = tensorsOf(`vectors/${name}.safetensors`)

    it.each(["left", "right"])("%s-padded: logits and log-probabilities", (side) => {
      const [rows = 0, width = 0] = vectors.shape(`${side}.input_ids`)
      const ids = vectors.ints(`${side}.input_ids`)
      const mask = vectors.ints(`${side}.attention_mask`)
      const logprobs = vectors.f32(`${side}.logprobs`)
      const sequences = Array.from({ length: rows }, (_, r) => {
        const columns = Array.from({ length: width }, (_, c) => r * width + c).filter((i) => mask[i] === 1)
        return { columns, tokens: columns.map((i) => ids[i] ?? 0) }
      })
      sequences.forEach(({ columns, tokens }, r) => {
        const cap = decoder.spec.logitSoftcap
        const uncapped = sequenceLogits(decoder, tokens)
        const logits = cap === undefined ? uncapped : uncapped.map((x) => cap * Math.tanh(x / cap))
        const [first = 0] = columns
        const golden =
          side === "left"
            ? vectors.f32("left.logits").subarray(first * vocab, (first + tokens.length) * vocab)
            : r === rows - 1
              ? vectors.f32("right.logits_last_row").subarray(0, tokens.length * vocab)
              : logits
        expect(maxDifference(logits, golden)).toBeLessThanOrEqual(1e-4)
      })
      const found = sequenceLogProbs(
        decoder,
        undefined,
        sequences.map(({ tokens }) => ({ tokens, from: 1 })),
      )
      found.forEach((values, r) => {
        const start = r * (width - 1) + ((sequences[r]?.columns[0] ?? 0) - r * width)
        const golden = logprobs.subarray(start, start + values.logprobs.length)
        expect(maxDifference(values.logprobs, golden)).toBeLessThanOrEqual(1e-4)
      })
    })

    it("hidden states", () => {
      const tokens = vectors.ints("left.input_ids").slice(0, vectors.shape("left.input_ids")[1])
      hiddenStates(decoder, tokens).forEach((state, i) => {
        expect(maxDifference(state, vectors.f32(`left.hidden.${i}`))).toBeLessThanOrEqual(1e-4)
      })
    })

    it("greedy tokens, without and with end tokens", () => {
      const { greedy } = json(`vectors/${name}.json`, Vectors)
      const prompts = greedy.input_ids.map((row, r) => row.filter((_, c) => greedy.attention_mask[r]?.[c] === 1))
      const run = (eos: ReadonlyArray<number>) =>
        generate(
          decoder,
          prompts.map((prompt) => ({
            prompt,
            n: 1,
            params: { maxNewTokens: 32, temperature: 0 },
            key: { seed: 0, step: 0, prompt: 0 },
          })),
          { eos },
        ).map(([completion]) => completion?.tokens ?? [])
      expect(run([])).toEqual(greedy.no_eos)
      const until = (row: ReadonlyArray<number>) => {
        const end = row.findIndex((token) => greedy.eos_token_id.includes(token))
        return end === -1 ? row : row.slice(0, end + 1)
      }
      expect(run(greedy.eos_token_id)).toEqual(greedy.with_eos.map(until))
    })
  })
