/**
 * The decoder, once for every family: pre-norm blocks of grouped-query attention and a gated MLP. Rows are tokens, whatever
 * sequences they belong to; only `Attend` knows who sees whom, so training, scoring and cached decoding share all of this.
 *
 * N rows, H query heads, K key/value heads, D head dimension.
 */
import type { Engine, LoraWeights, Tensor } from "../Engine.ts"
import type { DecoderSpec, LinearName } from "./DecoderSpec.ts"
import type { Rope, Ropes } from "./rope.ts"
import { isSliding, ropeAt } from "./rope.ts"
import type { LayerWeights, Weights } from "./Weights.ts"

/** LoRA of one block: the linear layers that have it. */
export type LayerLora = { readonly [Name in LinearName]?: LoraWeights }

/** q [N, H, D], k and v [N, K, D] (rotated) → [N, H·D]. */
export type Attend = (layer: number, q: Tensor, k: Tensor, v: Tensor) => Tensor

/** 1/√D unless the family says otherwise. */
export const attentionScale = (spec: DecoderSpec): number => spec.attentionScale ?? 1 / Math.sqrt(spec.headDim)

/** Token ids i32 [N] → [N, hidden]. */
export const embed = (engine: Engine, spec: DecoderSpec, embedding: Tensor, ids: Tensor): Tensor => {
  const rows = engine.gather(embedding, ids)
  return spec.embeddingScale === undefined ? rows : engine.scale(rows, spec.embeddingScale)
}

/** Products of one input [N, I] with several linear layers of a block: [N, O] each. */
export type Project = (input: Tensor, names: ReadonlyArray<LinearName>) => ReadonlyArray<Tensor>

const biases: { readonly [Name in LinearName]?: keyof LayerWeights } = {
  "self_attn.q_proj": "self_attn.q_proj.bias",
  "self_attn.k_proj": "self_attn.k_proj.bias",
  "self_attn.v_proj": "self_attn.v_proj.bias",
}

/** Each with its weight as it is, and its LoRA. */
export const project =
  (engine: Engine, weights: LayerWeights, lora: LayerLora | undefined): Project =>
  (input, names) =>
    names.map((name) => {
      const bias = biases[name]
      return engine.linear(input, weights[name], { bias: bias && weights[bias], lora: lora?.[name] })
    })

/** One block: x [N, hidden] → [N, hidden]. With `only`, i32 [W], the result has these rows alone, and `attend` gets their queries. */
export const block = (
  engine: Engine,
  spec: DecoderSpec,
  weights: LayerWeights,
  lora: LayerLora | undefined,
  x: Tensor,
  rope: Rope,
  attend: (q: Tensor, k: Tensor, v: Tensor) => Tensor,
  products: Project = project(engine, weights, lora),
  only?: Tensor,
): Tensor => {
  const wanted = (t: Tensor) => (only === undefined ? t : engine.gather(t, only))
  const { heads, kvHeads, headDim } = spec
  const linear = <const Names extends ReadonlyArray<LinearName>>(input: Tensor, ...names: Names) =>
    // One result a name.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    products(input, names) as unknown as { readonly [I in keyof Names]: Tensor }
  const norm = (input: Tensor, weight: Tensor) => engine.rmsNorm(input, weight, spec.normEps)

  const h = norm(x, weights.input_layernorm)
  const split = (y: Tensor, n: number) => engine.reshape(y, [y.shape[0] ?? 0, n, headDim])
  const [flatQ, flatK, flatV] = linear(h, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
  let q = split(wanted(flatQ), heads)
  let k = split(flatK, kvHeads)
  const v = split(flatV, kvHeads)
  const qNorm = weights["self_attn.q_norm"]
  const kNorm = weights["self_attn.k_norm"]
  if (qNorm !== undefined) q = norm(q, qNorm)
  if (kNorm !== undefined) k = norm(k, kNorm)
  const mixed = attend(engine.rotary(q, wanted(rope.cos), wanted(rope.sin)), engine.rotary(k, rope.cos, rope.sin), v)
  const [attended] = linear(mixed, "self_attn.o_proj")
  const preMlp = weights.pre_feedforward_layernorm
  const postMlp = weights.post_feedforward_layernorm
  const middle = engine.add(
    wanted(x),
    preMlp === undefined ? attended : norm(attended, weights.post_attention_layernorm),
  )

  const g = norm(middle, preMlp ?? weights.post_attention_layernorm)
  const [gate, up] = linear(g, "mlp.gate_proj", "mlp.up_proj")
  const gated = engine.gatedMlp(gate, up, spec.activation)
  const [fed] = linear(gated, "mlp.down_proj")
  return engine.add(middle, postMlp === undefined ? fed : norm(fed, postMlp))
}

/** What a forward pass without gradients is given. */
export interface Forward {
  /** i32 [N] */
  readonly ids: Tensor
  /** i32 [N] */
  readonly positions: Tensor
  readonly lora: ReadonlyArray<LayerLora> | undefined
  readonly attend: Attend
  /** i32 [W]: of the last block only these rows are computed, but for their keys and values. Default: all. */
  readonly rows?: Tensor | undefined
  /** Products of a layer's blocks with weights laid out in another way. Default: with those given, and `lora`. */
  readonly project?: ((layer: number) => Project | undefined) | undefined
  /** Called when the embedding's rows have been read. */
  readonly embedded?: (() => void) | undefined
  /** Called before every block; throws to stop. */
  readonly checkpoint: () => void
}

/** Embedding and all blocks, without the final norm: [N, hidden], or [W, hidden]. Each block's own tensors are freed when it is done. */
export const hidden = (engine: Engine, spec: DecoderSpec, weights: Weights, tables: Ropes, given: Forward): Tensor =>
  engine.scope(() => {
    const ropes = ropeAt(engine, tables, given.positions)
    let x = embed(engine, spec, weights.embedding, given.ids)
    given.embedded?.()
    weights.layers.forEach((layer, i) => {
      given.checkpoint()
      const attend = (q: Tensor, k: Tensor, v: Tensor) => given.attend(i, q, k, v)
      const rope = isSliding(spec, i) ? ropes.sliding : ropes.full
      const only = i === weights.layers.length - 1 ? given.rows : undefined
      const next = engine.scope(() =>
        block(engine, spec, layer, given.lora?.[i], x, rope, attend, given.project?.(i), only),
      )
      engine.free(x)
      x = next
    })
    return x
  })

/** Final norm and head: [N, hidden] → [N, V], before a softcap and temperature. */
export const logits = (
  engine: Engine,
  spec: DecoderSpec,
  { norm, head }: Pick<Weights, "norm" | "head">,
  x: Tensor,
): Tensor => engine.scope(() => engine.linear(engine.rmsNorm(x, norm, spec.normEps), head))
