import type { Engine, Lora } from "@hmx/lm"
import { maxDelta } from "./compare.ts"
import { type Line, measured } from "./Line.ts"

const none = (): Array<number> => []

/** Rounding of a gradient's element, as a share of the whole gradient's norm: what two correct f32 programs differ by. */
const rounding = 1e-8

/**
 * AdamW moves a weight by lr · m̂ / (√v̂ + ε), so an error δ of its gradient moves it by lr · δ / (√v̂ + ε): where a gradient happens
 * to be near 0, rounding that is far below any bound on gradients becomes a share of the learning rate. Weights where rounding
 * alone can exceed the bound are compared on a line of their own, with a bound in units of the learning rate.
 */
export class Conditioning {
  readonly #engine: Engine
  readonly #adapter: Lora
  /** What rounding can have moved each weight by, so far. */
  readonly #slack: ReadonlyArray<Float64Array>
  #rates = 0

  constructor(engine: Engine, adapter: Lora) {
    this.#engine = engine
    this.#adapter = adapter
    this.#slack = adapter.parameters.map(
      ({ tensor }) => new Float64Array(tensor.shape.reduce((size, extent) => size * extent, 1)),
    )
  }

  /** To be called after every optimiser step. `norm` is that of the gradient that the optimiser saw. */
  stepped(options: {
    readonly norm: number
    readonly learningRate: number
    readonly beta2: number
    readonly epsilon: number
  }): void {
    const correction = 1 - options.beta2 ** this.#adapter.steps
    this.#rates += options.learningRate
    this.#adapter.parameters.forEach(({ moments }, p) => {
      const slack = this.#slack[p]
      if (moments === undefined || slack === undefined) return
      const v = this.#engine.download(moments.v)
      for (let i = 0; i < slack.length; i++) {
        const squares = v[i] ?? 0
        // A gradient that has been exactly 0 so far has no rounding error.
        if (squares === 0) continue
        const divisor = Math.sqrt(squares / correction) + options.epsilon
        slack[i] = (slack[i] ?? 0) + (options.learningRate * options.norm * rounding) / divisor
      }
    })
  }

  /** Compares the adapter with the reference's weights by PEFT's keys. */
  *lines(name: string, what: string, golden: ReadonlyMap<string, ArrayLike<number>>, bound: number): Generator<Line> {
    const state = this.#adapter.state().tensors
    const found = { firm: none(), loose: none() }
    const expected = { firm: none(), loose: none() }
    this.#adapter.parameters.forEach(({ key }, p) => {
      const ours = state.get(key)?.data ?? []
      const theirs = golden.get(key) ?? []
      const slack = this.#slack[p] ?? new Float64Array(0)
      for (let i = 0; i < slack.length; i++) {
        const kind = (slack[i] ?? 0) > bound ? "loose" : "firm"
        found[kind].push(ours[i] ?? Number.NaN)
        expected[kind].push(theirs[i] ?? Number.NaN)
      }
    })
    yield measured(name, what, maxDelta(found.firm, expected.firm), bound)
    if (found.loose.length === 0) return
    const share = `${found.loose.length} of ${found.firm.length + found.loose.length}`
    yield measured(
      name,
      `${what}: the ${share} at which AdamW magnifies rounding`,
      maxDelta(found.loose, expected.loose),
      this.#rates / 100,
    )
  }
}
