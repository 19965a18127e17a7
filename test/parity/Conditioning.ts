import type { Engine, Lora } from "@hmx/lm"

/** What the reference's optimiser is given. */
export interface AdamW {
  readonly learningRate: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly maxGradNorm: number
}

/** What two correct f32 programs may differ by in one element of a gradient, as a share of the tensor's root mean square. */
const rounding = 3e-5

/**
 * How far f32 rounding of the gradients may move each weight through AdamW. With d = m̂ / (√v̂ + ε) of the gradients g₁ … g_t so far
 * and δᵢ the rounding of gᵢ, a step moves a weight by lr · Σᵢ |∂d / ∂gᵢ| δᵢ to first order, and by lr at most where √v̂ itself is
 * no larger than δ: there rounding decides even the sign.
 */
export class Conditioning {
  readonly #gradients = new Map<string, Array<{ readonly values: Float32Array; readonly rounding: number }>>()
  readonly #movements = new Map<string, Float64Array>()

  /** Reads the gathered gradients; call it before each optimiser step. `given` ones are the reference's own, without rounding of ours. */
  observe(engine: Engine, adapter: Lora, options: AdamW, given = false): void {
    const norm = Math.sqrt(engine.sumSquares(adapter.parameters.flatMap(({ gradient }) => gradient ?? [])))
    const clip = Math.min(1, options.maxGradNorm / (norm + 1e-6))
    for (const { key, gradient, tensor } of adapter.parameters) {
      const size = tensor.shape.reduce((a, b) => a * b, 1)
      const values =
        gradient === undefined ? new Float32Array(size) : Float32Array.from(engine.download(gradient), (x) => x * clip)
      const rms = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / size)
      const history = [...(this.#gradients.get(key) ?? []), { values, rounding: given ? 0 : rounding * rms }]
      this.#gradients.set(key, history)
      const before = this.#movements.get(key) ?? new Float64Array(size)
      this.#movements.set(
        key,
        before.map((moved, e) => {
          const gradients = history.map((step) => step.values[e] ?? 0)
          const deltas = history.map((step) => step.rounding)
          return moved + options.learningRate * directionError(gradients, deltas, options)
        }),
      )
    }
  }

  /** How far rounding may have moved each weight of that parameter so far. */
  movement(key: string): ArrayLike<number> {
    return this.#movements.get(key) ?? []
  }
}

/** Σᵢ |∂d / ∂gᵢ| δᵢ, at most 1. */
export const directionError = (
  gradients: ReadonlyArray<number>,
  deltas: ReadonlyArray<number>,
  { beta1, beta2, epsilon }: Pick<AdamW, "beta1" | "beta2" | "epsilon">,
): number => {
  const last = gradients.length - 1
  const weight = (beta: number, i: number) => ((1 - beta) * beta ** (last - i)) / (1 - beta ** (last + 1))
  const mean = gradients.reduce((sum, g, i) => sum + weight(beta1, i) * g, 0)
  const root = Math.sqrt(gradients.reduce((sum, g, i) => sum + weight(beta2, i) * g * g, 0))
  const delta = Math.max(...deltas)
  if (delta === 0) return 0
  if (root <= delta) return 1
  const below = root + epsilon
  const error = gradients.reduce((sum, g, i) => {
    const slope = weight(beta1, i) / below - (mean / below ** 2) * ((weight(beta2, i) * g) / root)
    return sum + Math.abs(slope) * (deltas[i] ?? 0)
  }, 0)
  return Math.min(1, error)
}
