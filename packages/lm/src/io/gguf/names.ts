/**
 * How llama.cpp's converter stores a Hugging Face checkpoint: other names, norms of Gemma with their 1 added, and in Llama the rows
 * of queries and keys in another order (pairs side by side where Hugging Face has halves).
 */
import type { DecoderSpec } from "../../decoder/DecoderSpec.ts"
import { isNorm } from "../../decoder/DecoderSpec.ts"
import { toF32 } from "../safetensors.ts"
import type { FloatData } from "../safetensors.ts"

/** general.architecture by the decoder's family. */
export const architectures: { readonly [family: string]: string } = {
  qwen2: "qwen2",
  qwen3: "qwen3",
  llama: "llama",
  gemma2: "gemma2",
  gemma3_text: "gemma3",
}

const outside: { readonly [name: string]: string } = {
  "model.embed_tokens.weight": "token_embd.weight",
  "model.norm.weight": "output_norm.weight",
  "lm_head.weight": "output.weight",
}

const inBlock: { readonly [name: string]: string } = {
  input_layernorm: "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "self_attn.q_norm": "attn_q_norm",
  "self_attn.k_norm": "attn_k_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
  pre_feedforward_layernorm: "ffn_norm",
  post_feedforward_layernorm: "post_ffw_norm",
}

/** The name in a GGUF file of a tensor that has this name in Hugging Face's layout. */
export const ggufName = (spec: DecoderSpec, name: string): string => {
  const [, layer, rest = "", kind = ""] = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? []
  if (layer === undefined) return outside[name] ?? name
  // With norms behind attention and MLP too, the one before the MLP has a name of its own.
  const between = spec.postNorms === true ? "post_attention_norm" : "ffn_norm"
  return `blk.${layer}.${rest === "post_attention_layernorm" ? between : (inBlock[rest] ?? rest)}.${kind}`
}

/** Tensors of a GGUF file that are not read: rotary factors stand in config.json. */
export const isIgnored = (spec: DecoderSpec, name: string): boolean =>
  name === "rope_freqs.weight" || (spec.tied && name === "output.weight")

/** A tensor as Hugging Face's layout has it. */
export const asStored = (spec: DecoderSpec, name: string, found: FloatData): FloatData => {
  if (spec.normLessOne === true && isNorm(name)) return { dtype: "F32", data: toF32(found).map((x) => x - 1) }
  const part = /self_attn\.([qk])_proj\.weight$/.exec(name)?.[1]
  if (spec.family !== "llama" || part === undefined) return found
  const heads = part === "q" ? spec.heads : spec.kvHeads
  return found.dtype === "F32"
    ? { dtype: found.dtype, data: halves(found.data, new Float32Array(found.data.length), heads, spec) }
    : { dtype: found.dtype, data: halves(found.data, new Uint16Array(found.data.length), heads, spec) }
}

/** Rows 2i and 2i + 1 of a head go to places i and i + D/2. */
const halves = <A extends Float32Array | Uint16Array>(from: A, to: A, heads: number, spec: DecoderSpec): A => {
  const { headDim, hidden } = spec
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < headDim; i++) {
      const row = head * headDim + (i >> 1) + (i & 1) * (headDim / 2)
      const source = (head * headDim + i) * hidden
      to.set(from.subarray(source, source + hidden), row * hidden)
    }
  }
  return to
}
