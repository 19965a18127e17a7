import { join } from "node:path"
import * as Schema from "effect/Schema"
import { type Decoder, generate, hiddenStates, sequenceLogits, sequenceLogProbs } from "@hmx/lm"
import { differences, maxDelta } from "./compare.ts"
import { existsSync, readdirSync } from "node:fs"
import { folders, type HostArray, readJsonAs, readTensors, row, some, tensor } from "./fixtures.ts"
import { failed, guarded, type Line, measured } from "./Line.ts"
import { type Models, withModel } from "./models.ts"
import { pick, type Unpadded, unpad } from "./rows.ts"

const Rows = Schema.Array(Schema.Array(Schema.Number))

const Vectors = Schema.Struct({
  greedy: Schema.Struct({
    input_ids: Rows,
    attention_mask: Rows,
    max_new_tokens: Schema.Number,
    no_eos: Rows,
    eos_token_id: Schema.Array(Schema.Number),
    with_eos: Rows,
  }),
})

const bound = 1e-4

/** checkpoints/*: what transformers computes with them (vectors/*). */
export function* checkpoints(root: string, models: Models): Generator<Line> {
  for (const folder of folders(join(root, "checkpoints"))) {
    const name = `checkpoints/${folder}`
    const vectors = join(root, "vectors", folder)
    yield* withModel(name, models, folder, function* ({ decoder }) {
      const tensors = readTensors(`${vectors}.safetensors`)
      for (const side of ["left", "right"] as const) yield* guarded(name, () => padded(name, decoder, tensors, side))
      yield* guarded(name, () => hidden(name, decoder, tensors))
      yield* guarded(name, () => greedyTokens(name, decoder, `${vectors}.json`))
    })
  }
  for (const stem of stems(join(root, "vectors"))) {
    for (const path of [`checkpoints/${stem}`, `vectors/${stem}.json`, `vectors/${stem}.safetensors`])
      if (!existsSync(join(root, path))) yield failed(`vectors/${stem}`, `no ${path}`)
  }
}

/** Names of the files in a folder without their extensions, each once. */
const stems = (folder: string): ReadonlyArray<string> =>
  existsSync(folder) ? [...new Set(readdirSync(folder).map((file) => file.replace(/\.(json|safetensors)$/, "")))] : []

/** Logits as a model gives them: after the softcap. */
export const cappedLogits = (...args: Parameters<typeof sequenceLogits>): Float32Array => {
  const { logitSoftcap: cap } = args[0].spec
  const logits = sequenceLogits(...args)
  return cap === undefined ? logits : logits.map((x) => cap * Math.tanh(x / cap))
}

/** Logits of every row where the padding is to the left, of the last row where it is to the right; log-probabilities of all. */
function* padded(
  name: string,
  decoder: Decoder,
  tensors: ReadonlyMap<string, HostArray>,
  side: "left" | "right",
): Generator<Line> {
  const ids = tensor(tensors, `${side}.input_ids`)
  const rows = some(unpad(ids, tensor(tensors, `${side}.attention_mask`)), `rows of ${side}.input_ids`)
  const golden = tensor(tensors, side === "left" ? "left.logits" : "right.logits_last_row")
  const deltas = rows.flatMap(({ columns, tokens }, b) => {
    if (side === "right" && b < rows.length - 1) return []
    const expected = side === "left" ? row(golden, b) : golden.data
    return [maxDelta(cappedLogits(decoder, tokens), pick(expected, columns, decoder.spec.vocab))]
  })
  yield measured(name, `logits, ${side}-padded`, Math.max(...deltas), bound)
  yield measured(
    name,
    `log-probabilities, ${side}-padded`,
    logprobs(decoder, rows, tensor(tensors, `${side}.logprobs`)),
    bound,
  )
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
  const golden = Array.from({ length: decoder.spec.layers + 1 }, (_, i) => tensor(tensors, `left.hidden.${i}`))
  const [first] = unpad(tensor(tensors, "left.input_ids"), tensor(tensors, "left.attention_mask"))
  if (first === undefined) throw new Error("no row in left.input_ids")
  const found = hiddenStates(decoder, first.tokens)
  const delta = golden.map((expected, i) =>
    maxDelta(found[i] ?? [], pick(expected.data, first.columns, decoder.spec.hidden)),
  )
  yield measured(name, `${golden.length} hidden states`, Math.max(...delta), bound)
}

/** Tokens that differ, over all rows. */
const wrong = (found: ReadonlyArray<ReadonlyArray<number>>, expected: ReadonlyArray<ReadonlyArray<number>>) =>
  expected.length === found.length
    ? expected.reduce(
        (sum, tokens, b) => sum + differences(found[b] ?? [], some(tokens, "tokens in a greedy answer")),
        0,
      )
    : Number.POSITIVE_INFINITY

function* greedyTokens(name: string, decoder: Decoder, file: string): Generator<Line> {
  const { greedy } = readJsonAs(Vectors, file)
  const requests = some(greedy.input_ids, "prompts of greedy answers").map((ids, b) => ({
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
