import { maxDelta, maxRelativeDelta, maxScaledDelta, ninthDecile } from "./compare.ts"
import { type Line, measured } from "./Line.ts"

/** How figures are compared: by |Δ|, by |Δ| / max(1, |reference|), or by |Δ| / |reference|. */
const distances = { absolute: maxDelta, scaled: maxScaledDelta, relative: maxRelativeDelta }

/** One quantity of a training run. */
export interface Quantity {
  readonly what: string
  readonly by: keyof typeof distances
  readonly bound: number
  /** There are so many that nine in ten keep the bound even where the worst cannot. */
  readonly many?: true
}

/** What a training run computed, and what the reference did, by quantity and in one order. */
export class Trajectory {
  readonly #found = new Map<Quantity, Array<number>>()
  readonly #golden = new Map<Quantity, Array<number>>()

  add(quantity: Quantity, found: ArrayLike<number>, golden: ArrayLike<number>): void {
    if (found.length !== golden.length) {
      throw new RangeError(`${quantity.what}: ${found.length} figures, the reference has ${golden.length}`)
    }
    const append = (map: Map<Quantity, Array<number>>, values: ArrayLike<number>) => {
      const list = map.get(quantity) ?? []
      for (let i = 0; i < values.length; i++) list.push(values[i] ?? Number.NaN)
      map.set(quantity, list)
    }
    append(this.#found, found)
    append(this.#golden, golden)
  }

  get quantities(): ReadonlyArray<Quantity> {
    return [...this.#found.keys()]
  }

  /** Distance to the reference. */
  delta(quantity: Quantity): number {
    return distances[quantity.by](this.#found.get(quantity) ?? [], this.#golden.get(quantity) ?? [])
  }

  /** Distance to the reference of all but the worst tenth. */
  most(quantity: Quantity): number {
    return ninthDecile(this.#found.get(quantity) ?? [], this.#golden.get(quantity) ?? [])
  }

  /** Distance to another run of ours. */
  spread(quantity: Quantity, other: Trajectory): number {
    return distances[quantity.by](other.#found.get(quantity) ?? [], this.#found.get(quantity) ?? [])
  }
}

/** How much further than other roundings of its gradients a run may be from the reference. */
const margin = 4

/**
 * Compares a training run with the reference. AdamW divides by √v̂, so where a gradient is near 0 its rounding becomes a share of the
 * learning rate, and later steps build on that: some runs are not determined to the stated bound by f32 at all (the reference moves
 * as far when it takes another attention kernel). So where a figure is off, the run is made again with its gradients rounded
 * otherwise, and the bound is what that moves, times a margin, which the line says. `run(0)` is the run itself.
 */
export function* compareRun(name: string, run: (rounding: number) => Trajectory): Generator<Line> {
  const first = run(0)
  const off = first.quantities.some((quantity) => !(first.delta(quantity) <= quantity.bound))
  const others = off ? [run(1), run(2), run(3)] : []
  for (const quantity of first.quantities) {
    const what = quantity.by === "relative" ? `${quantity.what}, relative` : quantity.what
    const delta = first.delta(quantity)
    const spread = Math.max(0, ...others.map((other) => first.spread(quantity, other)))
    if (delta <= quantity.bound || margin * spread <= quantity.bound || !Number.isFinite(spread)) {
      yield measured(name, what, delta, quantity.bound)
    } else {
      const said = `${what} (another rounding of the gradients moves them by ${spread.toExponential(1)})`
      yield measured(name, said, delta, margin * spread)
      if (quantity.many) yield measured(name, `${what}, nine in ten of them`, first.most(quantity), quantity.bound)
    }
  }
}
