/** The decoder's definition in f64, one number at a time: what every option of a `DecoderSpec` means. */
import type { DecoderSpec } from "../../src/decoder/DecoderSpec.ts"

type Vector = ReadonlyArray<number>
/** A weight by its name in a checkpoint. */
export type Read = (name: string) => { readonly data: Float32Array; readonly shape: ReadonlyArray<number> }

const at = (xs: ArrayLike<number>, i: number): number => xs[i] ?? Number.NaN
const sum = (xs: Vector) => xs.reduce((a, b) => a + b, 0)
const range = <A>(n: number, of: (i: number) => A): ReadonlyArray<A> => Array.from({ length: n }, (_, i) => of(i))
const cap = (x: number, limit: number | undefined) => (limit === undefined ? x : limit * Math.tanh(x / limit))

/** Logits [T][V] after the softcap. */
export const naiveLogits = (spec: DecoderSpec, read: Read, tokens: ReadonlyArray<number>): ReadonlyArray<Vector> => {
  const matrix = (name: string, x: Vector, bias?: string): Vector => {
    const { data, shape } = read(name)
    const [rows = 0, columns = 0] = shape
    const offset = bias === undefined ? undefined : read(bias).data
    return range(
      rows,
      (r) =>
        sum(range(columns, (c) => at(data, r * columns + c) * at(x, c))) + (offset === undefined ? 0 : at(offset, r)),
    )
  }
  const norm = (x: Vector, name: string): Vector => {
    const { data } = read(name)
    const size = Math.sqrt(sum(x.map((v) => v * v)) / x.length + spec.normEps)
    return x.map((v, i) => (v / size) * at(data, i))
  }
  const rotated = (x: Vector, position: number): Vector => {
    const half = x.length / 2
    return x.map((v, i) => {
      const angle = position * spec.ropeTheta ** ((-2 * (i % half)) / x.length)
      const other = i < half ? -at(x, i + half) : at(x, i - half)
      return v * Math.cos(angle) + other * Math.sin(angle)
    })
  }
  const act = (x: number) =>
    spec.activation === "silu"
      ? x / (1 + Math.exp(-x))
      : 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
  const embedding = read("model.embed_tokens.weight").data
  const { hidden, headDim } = spec
  let xs = tokens.map((token) => range(hidden, (i) => at(embedding, token * hidden + i) * (spec.embeddingScale ?? 1)))
  for (let layer = 0; layer < spec.layers; layer++) {
    const of = (name: string) => `model.layers.${layer}.${name}`
    const heads = (x: Vector, name: "q" | "k" | "v", n: number, position: number): ReadonlyArray<Vector> => {
      const full = of(`self_attn.${name}_proj`)
      const all = matrix(
        `${full}.weight`,
        norm(x, of("input_layernorm.weight")),
        spec.qkvBias ? `${full}.bias` : undefined,
      )
      const split = range(n, (h) => all.slice(h * headDim, (h + 1) * headDim))
      if (name === "v") return split
      return split.map((head) =>
        rotated(spec.qkNorm ? norm(head, of(`self_attn.${name}_norm.weight`)) : head, position),
      )
    }
    const keys = xs.map((x, t) => heads(x, "k", spec.kvHeads, t))
    const values = xs.map((x, t) => heads(x, "v", spec.kvHeads, t))
    xs = xs.map((x, t) => {
      const mixed = heads(x, "q", spec.heads, t).flatMap((query, h) => {
        const group = Math.floor((h * spec.kvHeads) / spec.heads)
        const scores = range(t + 1, (s) =>
          cap(
            sum(query.map((v, i) => v * at(keys[s]?.[group] ?? [], i))) *
              (spec.attentionScale ?? 1 / Math.sqrt(headDim)),
            spec.attentionSoftcap,
          ),
        )
        const weights = scores.map((score) => Math.exp(score - Math.max(...scores)))
        return range(headDim, (i) => sum(weights.map((w, s) => w * at(values[s]?.[group] ?? [], i))) / sum(weights))
      })
      const middle = matrix(of("self_attn.o_proj.weight"), mixed).map((v, i) => v + at(x, i))
      const normed = norm(middle, of("post_attention_layernorm.weight"))
      const up = matrix(of("mlp.up_proj.weight"), normed)
      const gated = matrix(of("mlp.gate_proj.weight"), normed).map((v, i) => act(v) * at(up, i))
      return matrix(of("mlp.down_proj.weight"), gated).map((v, i) => v + at(middle, i))
    })
  }
  const head = spec.tied ? "model.embed_tokens.weight" : "lm_head.weight"
  return xs.map((x) => matrix(head, norm(x, "model.norm.weight")).map((v) => cap(v, spec.logitSoftcap)))
}
