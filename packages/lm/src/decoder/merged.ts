import type { Engine, Tensor } from "../Engine.ts"
import type { LayerLora, Project } from "./forward.ts"
import { biasOf, inputGroups } from "./inputGroups.ts"
import type { LayerWeights } from "./Weights.ts"

export interface Merged {
  readonly project: Project
  /** What it multiplies with, but for weights of the model's own. */
  readonly made: ReadonlyArray<Tensor>
}

/**
 * Products of a block with an adapter added to its weights, w + scale · b a, and weights of one input one under another: four products a
 * block instead of 21. Of a model as small as nano, where a call's cost is more than its arithmetic. Not for training, where it
 * gains nothing and the adapter's gradient would be rounded as the weights' is. Made in the caller's scope.
 */
export const merged = (engine: Engine, weights: LayerWeights, lora: LayerLora | undefined): Merged => {
  const groups = inputGroups.map((names) => {
    const parts = names.map((name): Tensor => {
      const beside = lora?.[name]
      if (beside === undefined) return weights[name]
      const { a, b, scale } = beside
      const product = engine.linear(b, engine.transpose(a, [1, 0]))
      return engine.add(weights[name], scale === 1 ? product : engine.scale(product, scale))
    })
    const [only] = parts
    const weight = parts.length === 1 && only !== undefined ? only : engine.concat(parts, 0)
    const outputs = parts.map(({ shape }) => shape[0] ?? 0)
    return { names, outputs, weight, bias: biasOf(engine, weights, names) }
  })
  const project: Project = (input, wanted) => {
    const group = groups.find(({ names }) => names[0] === wanted[0])
    if (group === undefined || group.names.length !== wanted.length)
      throw new Error(`no product of ${wanted.join(", ")} together`)
    const y = engine.linear(input, group.weight, { bias: group.bias })
    let at = 0
    return group.outputs.length === 1 ? [y] : group.outputs.map((n) => engine.slice(y, 1, (at += n) - n, n))
  }
  const own = new Set<Tensor | undefined>(Object.values({ ...weights }))
  return {
    project,
    made: groups.flatMap(({ weight, bias }) =>
      own.has(weight) ? (bias ?? []) : [weight, ...(bias === undefined ? [] : [bias])],
    ),
  }
}
