/** Closed forms for what an adapter is, in bytes: its weights and its optimiser. */
import type { ModelShape } from "./LanguageModel.ts"

const f32 = 4

/** In and out of each linear layer that LoRA can stand beside, by PEFT's names. */
export const linears = (s: ModelShape): { readonly [name: string]: readonly [number, number] } => ({
  q_proj: [s.hidden, s.heads * s.headDim],
  k_proj: [s.hidden, s.kvHeads * s.headDim],
  v_proj: [s.hidden, s.kvHeads * s.headDim],
  o_proj: [s.heads * s.headDim, s.hidden],
  gate_proj: [s.hidden, s.ffn],
  up_proj: [s.hidden, s.ffn],
  down_proj: [s.ffn, s.hidden],
})

/** PEFT's names of the linear layers of a decoder. */
export const linearNames: ReadonlyArray<string> = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
]

export interface Lora {
  readonly rank: number
  readonly targets: ReadonlyArray<string> | "all-linear"
}
export const targetsOf = ({ targets }: Lora): ReadonlyArray<string> =>
  targets === "all-linear" ? linearNames : targets

/** Weights of a LoRA adapter: rank × (in + out) for each target of each layer. */
export const adapterParameters = (shape: ModelShape, lora: Lora): number => {
  const of = linears(shape)
  const perLayer = targetsOf(lora).reduce((sum, name) => {
    const [input, output] = of[name] ?? [0, 0]
    return sum + lora.rank * (input + output)
  }, 0)
  return perLayer * shape.layers
}

/** An adapter; and AdamW's two moments of it, which stay from one update to the next. */
export const adapterBytes = (shape: ModelShape, lora: Lora): number => f32 * adapterParameters(shape, lora)
export const momentsBytes = (shape: ModelShape, lora: Lora): number => 2 * adapterBytes(shape, lora)
