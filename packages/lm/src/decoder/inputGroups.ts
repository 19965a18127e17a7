import type { Engine, Tensor } from "../Engine.ts"
import type { LinearName } from "./DecoderSpec.ts"
import type { LayerWeights } from "./Weights.ts"

/** Linear layers of one input, whose weights can be laid one under another. */
export const inputGroups: ReadonlyArray<ReadonlyArray<LinearName>> = [
  ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
  ["self_attn.o_proj"],
  ["mlp.gate_proj", "mlp.up_proj"],
  ["mlp.down_proj"],
]

/** The biases of a group one behind another. */
export const biasOf = (engine: Engine, layer: LayerWeights, names: ReadonlyArray<LinearName>): Tensor | undefined => {
  const biases = [
    layer["self_attn.q_proj.bias"],
    layer["self_attn.k_proj.bias"],
    layer["self_attn.v_proj.bias"],
  ].flatMap((bias) => bias ?? [])
  return names[0] === "self_attn.q_proj" && biases.length > 0 ? engine.concat(biases, 0) : undefined
}
