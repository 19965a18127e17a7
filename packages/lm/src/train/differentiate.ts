/**
 * The forward pass over packed rows with gradients: layer by layer, each under the engine's `vjp`. A layer's pullback is kept until the
 * backward pass as far as `keepBytes` reaches; of the others only the input is held, and they run again (Chen et al. 2016, "Training Deep
 * Nets with Sublinear Memory Cost"). The upper layers are those that are kept: theirs go first, before another runs again.
 */
import type { Decoder } from "../decoder/Decoder.ts"
import type { LayerLora } from "../decoder/forward.ts"
import { block, embed } from "../decoder/forward.ts"
import { isSliding, ropeAt } from "../decoder/rope.ts"
import type { LayerWeights } from "../decoder/Weights.ts"
import type { Engine, Tensor, Vjp } from "../Engine.ts"
import { packedAttention } from "../pack/attention.ts"
import type { Packed } from "../pack/pack.ts"
import type { PairValues } from "../pack/packedLogProbs.ts"
import { floats } from "../pack/floats.ts"
import { pairLogProbs } from "../pack/packedLogProbs.ts"

/** What is trained of one block: its parameters, and the block's weights with other tensors in their places. */
export interface LayerParameters {
  readonly params: ReadonlyArray<Tensor>
  readonly bind: (params: ReadonlyArray<Tensor>) => {
    readonly weights: LayerWeights
    readonly lora: LayerLora | undefined
  }
}

export interface DifferentiateOptions {
  readonly temperature?: number | undefined
  /**
   * Bytes that the activations kept for the backward pass may take, beside each layer's input. 0: every layer runs again; Infinity: none.
   * Other than with Infinity, a quarter of the engine's limit of memory stays free. The gradient's bits do not depend on it.
   */
  readonly keepBytes?: number | undefined
  /** Embedding, final norm and head are trained as well. Default false. */
  readonly ends?: boolean
  /** Called between two layers; throws to stop. */
  readonly checkpoint?: (() => void) | undefined
}

/** One gradient a parameter, in the order of `LayerParameters.params`; `undefined` where a parameter has no influence. */
export type Gradients = {
  readonly layers: ReadonlyArray<ReadonlyArray<Tensor | undefined>>
  /** Only with `ends`; a tied head's part is in `embedding`. */
  readonly embedding?: Tensor | undefined
  readonly norm?: Tensor | undefined
  readonly head?: Tensor | undefined
}

/**
 * Log-probabilities and entropies of the wanted pairs are handed to `cotangents`, which answers with d loss / d logprobs, one a
 * pair. Returns the gradients, in the caller's scope.
 */
export const differentiate = (
  decoder: Decoder,
  layers: ReadonlyArray<LayerParameters>,
  packed: Packed,
  options: DifferentiateOptions,
  cotangents: (values: PairValues) => Float32Array,
): Gradients => {
  const { engine, spec, weights } = decoder
  const ends = options.ends ?? false
  const checkpoint = options.checkpoint ?? (() => {})
  // Below the first trained layer nothing needs a cotangent.
  const firstTrained = ends ? 0 : layers.findIndex(({ params }) => params.length > 0)
  const first = firstTrained === -1 ? layers.length : firstTrained

  return engine.scope((): Gradients => {
    const upload = (values: Int32Array) => engine.upload(values, [values.length], "i32")
    const ids = upload(packed.tokens)
    const rows = upload(packed.rows)
    const targets = upload(packed.targets)
    const ropes = ropeAt(engine, decoder.rope, upload(packed.positions))
    const attend = packedAttention(engine, spec, packed)

    const run = (i: number, layer: LayerParameters, x: Tensor, params: ReadonlyArray<Tensor>) => {
      const { weights, lora } = layer.bind(params)
      const rope = isSliding(spec, i) ? ropes.sliding : ropes.full
      return block(engine, spec, weights, lora, x, rope, (q, k, v) => attend(i, q, k, v))
    }
    const vjpOf = (i: number, layer: LayerParameters, x: Tensor) =>
      i === first && !ends
        ? engine.vjp((_, params) => [run(i, layer, x, params)], [], layer.params)
        : engine.vjp(([input = x], params) => [run(i, layer, input, params)], [x], layer.params)

    const embedded = ends
      ? engine.vjp((_, [table = weights.embedding]) => [embed(engine, spec, table, ids)], [], [weights.embedding])
      : undefined
    let x = embedded === undefined ? embed(engine, spec, weights.embedding, ids) : outputOf(embedded)
    const tape: Array<Recorded> = []
    const kept = new Kept(engine, options.keepBytes)
    layers.forEach((layer, i) => {
      checkpoint()
      const input = x
      if (i < first) {
        x = engine.scope(() => run(i, layer, input, layer.params))
        engine.free(input)
        return
      }
      const before = engine.memory().bytes
      const vjp = vjpOf(i, layer, input)
      const record: Recorded = { input, vjp }
      x = outputOf(vjp)
      tape.push(record)
      kept.add(record, engine.memory().bytes - before - bytesOf(x))
    })
    const top = engine.vjp(
      ([h = x], [norm = weights.norm, head = weights.head]) => {
        const { logprobs, entropy } = pairLogProbs(decoder, h, norm, head, rows, targets, options.temperature)
        return [logprobs, entropy]
      },
      first < layers.length || ends ? [x] : [],
      ends ? [weights.norm, weights.head] : [],
    )
    const [logprobs, entropy] = top.outputs
    if (logprobs === undefined || entropy === undefined) throw new Error("vjp gave fewer outputs than its function")
    const pairs = packed.rows.length
    const cotangent = cotangents({ logprobs: floats(engine, logprobs), entropies: floats(engine, entropy) })

    const above = top.pullback([
      engine.upload(cotangent, [pairs], "f32"),
      engine.upload(new Float32Array(pairs), [pairs], "f32"),
    ])
    let [flow] = above.inputs
    const gradients: Array<ReadonlyArray<Tensor | undefined>> = layers.map(() => [])
    for (let i = layers.length - 1; i >= first; i--) {
      const layer = layers[i]
      const record = tape.pop()
      if (layer === undefined || record === undefined || flow === undefined) break
      checkpoint()
      const vjp = record.vjp ?? vjpOf(i, layer, record.input)
      const { inputs, params } = vjp.pullback([flow])
      gradients[i] = params
      engine.free(flow)
      if (record.vjp === undefined) engine.free(...vjp.outputs)
      engine.free(record.input)
      flow = inputs[0]
    }
    if (embedded === undefined) return { layers: gradients }
    const [norm, head] = above.params
    const embedding = flow === undefined ? undefined : embedded.pullback([flow]).params[0]
    if (!spec.tied) return { layers: gradients, embedding, norm, head }
    const tied = embedding === undefined || head === undefined ? (embedding ?? head) : engine.add(embedding, head)
    return { layers: gradients, embedding: tied, norm }
  })
}

/** A layer that has run; without a pullback it runs again. */
interface Recorded {
  readonly input: Tensor
  vjp: Vjp | undefined
}

/** Layers whose pullbacks are held: as many of the latest as their bytes allow. */
class Kept {
  readonly #engine: Engine
  readonly #most: number | undefined
  readonly #layers: Array<{ readonly record: Recorded; readonly bytes: number }> = []
  #bytes = 0

  constructor(engine: Engine, most: number | undefined) {
    this.#engine = engine
    this.#most = most
  }

  /** Takes in a layer, and lets go of the earliest while there are too many bytes. */
  add(record: Recorded, bytes: number): void {
    this.#layers.push({ record, bytes })
    this.#bytes += bytes
    while (this.#tooMany()) {
      const earliest = this.#layers.shift()
      if (earliest === undefined) break
      this.#bytes -= earliest.bytes
      earliest.record.vjp?.release()
      earliest.record.vjp = undefined
    }
  }

  #tooMany(): boolean {
    if (this.#most === Infinity) return false
    const { bytes, limit } = this.#engine.memory()
    return this.#bytes > (this.#most ?? Infinity) || bytes > 0.75 * limit
  }
}

/** A layer's output is f32. */
const bytesOf = ({ shape }: Tensor): number => 4 * shape.reduce((a, b) => a * b, 1)

const outputOf = (vjp: Vjp): Tensor => {
  const [output] = vjp.outputs
  if (output === undefined) throw new Error("vjp gave no output")
  return output
}
