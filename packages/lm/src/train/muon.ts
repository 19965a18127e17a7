/**
 * Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"): momentum, then an update whose singular
 * values are all near 1, by five steps of a Newton–Schulz iteration. For the matrices of a decoder, not for its embedding or norms.
 */
import type { Engine, Tensor } from "../Engine.ts"

export interface MuonOptions {
  readonly learningRate: number
  /** Default 0.95. */
  readonly momentum?: number
  /** Decoupled. Default 0.01. */
  readonly weightDecay?: number
}

/** The quintic iteration's coefficients: steepest at zero, values end between 0.7 and 1.2. */
const [a, b, c] = [3.4445, -4.775, 2.0315] as const

/** Keeps the singular vectors of g [n, m] and sets its singular values to about 1. In f32. */
export const orthogonalize = (engine: Engine, g: Tensor): Tensor =>
  engine.scope(() => {
    const [rows = 0, columns = 0] = g.shape
    const wide = rows > columns ? engine.transpose(g, [1, 0]) : g
    const norm = Math.sqrt(engine.sumSquares([g]))
    let x = engine.scale(wide, 1 / (norm + 1e-7))
    for (let i = 0; i < 5; i++) {
      const gram = engine.linear(x, x)
      // gram is symmetric, so its product with itself is the same with either one transposed.
      const polynomial = engine.add(engine.scale(gram, b), engine.scale(engine.linear(gram, gram), c))
      x = engine.add(engine.scale(x, a), engine.linear(polynomial, engine.transpose(x, [1, 0])))
    }
    return rows > columns ? engine.transpose(x, [1, 0]) : x
  })

/**
 * One step with Nesterov momentum; the update is scaled by 0.2 √max(n, m), which matches the size of an AdamW update (Liu et al.
 * 2025, "Muon is scalable for LLM training"). Frees nothing: returns the new parameter and momentum.
 */
export const muon = (
  engine: Engine,
  param: Tensor,
  gradient: Tensor,
  momentum: Tensor,
  { learningRate, momentum: mu = 0.95, weightDecay = 0.01 }: MuonOptions,
): { readonly param: Tensor; readonly momentum: Tensor } =>
  engine.scope(() => {
    const mix = (x: Tensor, y: Tensor, part: number) => engine.add(engine.scale(x, 1 - part), engine.scale(y, part))
    const next = mix(gradient, momentum, mu)
    const update = orthogonalize(engine, mix(gradient, next, mu))
    const size = 0.2 * Math.sqrt(Math.max(...param.shape))
    const decayed = engine.scale(param, 1 - learningRate * weightDecay)
    return { param: engine.add(decayed, engine.scale(update, -learningRate * size)), momentum: next }
  })
