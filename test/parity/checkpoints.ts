import { join } from "node:path"
import * as Schema from "effect/Schema"
import { type Decoder, generate, hiddenStates, sequenceLogits, sequenceLogProbs } from "@hmx/lm"
import { differences, maxDelta } from "./compare.ts"
import { folders, type HostArray, present, readJsonAs, readTensors, row, tensor } from "./fixtures.ts"
import { type Line, measured, skipped } from "./Line.ts"
import { type Models, withModel } from "./models.ts"
import { pick, type Unpadded, unpad } from "./rows.ts"

const Rows = Schema.Array(Schema.Array(Schema.Number))

const Vectors = Schema.Struct({
  greedy: Schema.optionalKey(
    Schema.Struct({
      input_ids: Rows,
      attention_mask: Rows,
      max_new_tokens: Schema.Number,
      no_eos: Rows,
      eos_token_id: Schema.Array(Schema.Number),
      with_eos: Rows,
    }),
  ),
})

const bound = 1e-4

/** checkpoints/*: what transformers computes with them (vectors/*). */
export function* checkpoints(root: string, models: Models): Generator<Line> {
  for (const folder of folders(join(root, "checkpoints"))) {
    const name = `checkpoints/${folder}`
    const vectors = join(root, "vectors", folder)
    yield* withModel(name, models, folder, function* ({ decoder }) {
      if (!present(root, `vectors/${folder}.safetensors`, `vectors/${folder}.json`)) {
        yield skipped(name, `no vectors/${folder}.safetensors and .json`)
        return
      }
      const tensors = readTensors(`${vectors}.safetensors`)
      yield* padded(name, decoder, tensors)
      yield* hidden(name, decoder, tensors)
      yield* greedyTokens(name, decoder, `${vectors}.json`)
    })
  }
}

/** Logits as a model gives them: after the softcap. */
export const cappedLogits = (...args: Parameters<typeof sequenceLogits>): Float32Array => {
  const { logitSoftcap: cap } = args[0].spec
  const logits = sequenceLogits(...args)
  return cap === undefined ? logits : logits.map((x) => cap * Math.tanh(x / cap))
}

function* padded(name: string, decoder: Decoder, tensors: ReadonlyMap<string, HostArray>): Generator<Line> {
  const { vocab } = decoder.spec
  for (const side of ["left", "right"]) {
    const rows = unpad(tensor(tensors, `${side}.input_ids`), tensor(tensors, `${side}.attention_mask`))
    const all = tensors.get(`${side}.logits`)
    const last = tensors.get(`${side}.logits_last_row`)
    const golden = (b: number) => (all !== undefined ? row(all, b) : b === rows.length - 1 ? last?.data : undefined)
    let delta = 0
    for (const [b, { columns, tokens }] of rows.entries()) {
      const expected = golden(b)
      if (expected === undefined) continue
      delta = Math.max(delta, maxDelta(cappedLogits(decoder, tokens), pick(expected, columns, vocab)))
    }
    yield measured(name, `logits, ${side}-padded`, delta, bound)
    yield measured(
      name,
      `log-probabilities, ${side}-padded`,
      logprobs(decoder, rows, tensor(tensors, `${side}.logprobs`)),
      bound,
    )
  }
}

const logprobs = (decoder: Decoder, rows: ReadonlyArray<Unpadded>, golden: HostArray): number => {
  const found = sequenceLogProbs(
    decoder,
    undefined,
    rows.map(({ tokens }) => ({ tokens, from: 1 })),
  )
  return Math.max(
    // The log-probability of the token in column t stands in column t − 1.
    ...rows.map(({ columns }, b) =>
      maxDelta(
        found[b]?.logprobs ?? [],
        pick(
          row(golden, b),
          columns.slice(1).map((t) => t - 1),
        ),
      ),
    ),
  )
}

/** Of row 0: the embedding, each block, the last one after the final norm. */
function* hidden(name: string, decoder: Decoder, tensors: ReadonlyMap<string, HostArray>): Generator<Line> {
  const golden = Array.from({ length: decoder.spec.layers + 1 }, (_, i) => tensors.get(`left.hidden.${i}`))
  if (!golden.some((x) => x !== undefined)) return
  const [first] = unpad(tensor(tensors, "left.input_ids"), tensor(tensors, "left.attention_mask"))
  if (first === undefined) return
  const found = hiddenStates(decoder, first.tokens)
  const delta = golden.map((expected, i) =>
    expected === undefined ? 0 : maxDelta(found[i] ?? [], pick(expected.data, first.columns, decoder.spec.hidden)),
  )
  yield measured(name, `${golden.length} hidden states`, Math.max(...delta), bound)
}

/** Tokens that differ, over all rows. */
const wrong = (found: ReadonlyArray<ReadonlyArray<number>>, expected: ReadonlyArray<ReadonlyArray<number>>) =>
  expected.reduce((sum, tokens, b) => sum + differences(found[b] ?? [], tokens), 0)

function* greedyTokens(name: string, decoder: Decoder, file: string): Generator<Line> {
  const { greedy } = readJsonAs(Vectors, file)
  if (greedy === undefined) return
  const requests = greedy.input_ids.map((ids, b) => ({
    prompt: ids.filter((_, t) => greedy.attention_mask[b]?.[t] === 1),
    n: 1,
    params: { maxNewTokens: greedy.max_new_tokens, temperature: 0 },
    key: { seed: 0, step: 0, prompt: b },
  }))
  const run = (eos: ReadonlyArray<number>) =>
    generate(decoder, requests, { eos }).map(([completion]) => completion?.tokens ?? [])
  /** Without the padding behind the end token. */
  const upToEnd = (tokens: ReadonlyArray<number>) => {
    const end = tokens.findIndex((token) => greedy.eos_token_id.includes(token))
    return end === -1 ? tokens : tokens.slice(0, end + 1)
  }
  yield measured(name, `${requests.length} greedy answers`, wrong(run([]), greedy.no_eos), 0)
  yield measured(
    name,
    `${requests.length} greedy answers up to an end token`,
    wrong(run(greedy.eos_token_id), greedy.with_eos.map(upToEnd)),
    0,
  )
}
